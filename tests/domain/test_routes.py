from __future__ import annotations

import pytest

from oneliner.domain.route import By, Route, parse_route, queue_for

ROUTES = [parse_route(text) for text in ("project:acme=acme", "executor:researcher=slow", "project:acme=never")]


@pytest.mark.parametrize("text", ["project:acme=fast", "executor:main=a.b", "project:a=b=c", "project:a:b=c"])
def test_a_route_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_route(text)) == text


def test_a_project_may_have_an_equals_sign_in_its_name_and_a_queue_may_not() -> None:
    assert parse_route("project:a=b=c") == Route(By.PROJECT, "a=b", "c")


@pytest.mark.parametrize(
    ("project_id", "executor", "queue"),
    [("acme", "main", "acme"), ("acme", "researcher", "acme"), ("other", "researcher", "slow"), ("", "main", "rest")],
)
def test_the_first_route_that_fits_decides_and_the_rest_goes_where_all_else_goes(
    project_id: str, executor: str, queue: str
) -> None:
    assert queue_for(ROUTES, project_id=project_id, executor=executor, otherwise="rest") == queue
