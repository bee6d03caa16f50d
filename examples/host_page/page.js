// All that the host's own code has to do: say how to get a token, and listen to what it cares about.

OneLiner.init({ token: async () => (await (await fetch("/agent-token")).json()).token });

document.querySelector("#report").addEventListener("click", () => {
  OneLiner.handoff({
    title: "Write the monthly report",
    summary: "Figures of this month, in one page",
    steps: ["Collect the figures", "Write the report"],
    project_id: "savings",
    source_screen: "strategy",
    source_action_key: "monthly-report",
  });
});

for (const name of ["ready", "open", "close", "needs-you", "handoff", "handoff-failed", "run", "error"]) {
  document.addEventListener(`oneliner:${name}`, (event) => {
    const line = document.createElement("li");
    const { run, count, problem } = event.detail;
    line.textContent = [name, run && `${run.title}: ${run.run_status}`, count, problem && problem.code].filter((part) => part !== undefined).join(" · ");
    document.querySelector("#events").append(line);
  });
}
