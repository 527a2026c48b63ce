"""States of a flow."""

import pytest

from ringback.flow.lifecycle import (
    TRANSITIONS,
    FlowAction,
    FlowLife,
    FlowStatus,
    IllegalFlowAction,
    created,
    serving,
    step,
)

DRAFT = created()
PUBLISHED = step(DRAFT, FlowAction.PUBLISH)
EDITED = step(PUBLISHED, FlowAction.EDIT)
PAUSED = step(PUBLISHED, FlowAction.PAUSE)


def test_a_new_flow_is_a_draft_that_serves_nobody():
    assert FlowLife(status=FlowStatus.DRAFT, latest=1, draft=1, published=None) == DRAFT
    assert serving(DRAFT) == "flow_not_published"


def test_publishing_puts_the_draft_in_service():
    assert FlowLife(status=FlowStatus.PUBLISHED, latest=1, draft=None, published=1) == PUBLISHED
    assert serving(PUBLISHED) == 1


def test_editing_a_published_flow_makes_a_new_draft_while_the_old_version_serves():
    assert FlowLife(status=FlowStatus.PUBLISHED, latest=2, draft=2, published=1) == EDITED
    assert serving(EDITED) == 1
    assert serving(step(EDITED, FlowAction.PUBLISH)) == 2


def test_editing_a_draft_again_keeps_its_number():
    assert step(EDITED, FlowAction.EDIT) == EDITED
    assert step(DRAFT, FlowAction.EDIT) == DRAFT


def test_a_paused_flow_serves_nobody_until_it_is_resumed():
    assert serving(PAUSED) == "flow_paused"
    assert serving(step(PAUSED, FlowAction.RESUME)) == 1


def test_a_paused_flow_can_be_mended_and_published():
    mended = step(step(PAUSED, FlowAction.EDIT), FlowAction.PUBLISH)

    assert (mended.status, mended.published) == (FlowStatus.PUBLISHED, 2)


@pytest.mark.parametrize("life", [DRAFT, PAUSED])
def test_drafts_and_paused_flows_can_be_deleted(life):
    deleted = step(life, FlowAction.DELETE)

    assert deleted.status is FlowStatus.DELETED
    assert serving(deleted) == "flow_unreachable"


def test_an_unknown_flow_is_unreachable():
    assert serving(None) == "flow_unreachable"


@pytest.mark.parametrize(
    ("life", "action", "advice"),
    [
        (PUBLISHED, FlowAction.DELETE, "pause it first"),
        (PUBLISHED, FlowAction.PUBLISH, "no newer draft"),
        (PUBLISHED, FlowAction.RESUME, "in service already"),
        (PAUSED, FlowAction.PAUSE, "out of service already"),
        (PAUSED, FlowAction.PUBLISH, "or resume it"),
        (DRAFT, FlowAction.PAUSE, "publish it first"),
        (DRAFT, FlowAction.RESUME, "publish it first"),
        (step(DRAFT, FlowAction.DELETE), FlowAction.EDIT, "make a new one"),
    ],
)
def test_what_cannot_be_done_says_what_can(life, action, advice):
    with pytest.raises(IllegalFlowAction, match=advice):
        step(life, action)


def test_every_pair_of_state_and_action_is_either_in_the_table_or_refused():
    for status in FlowStatus:
        for action in FlowAction:
            life = FlowLife(status=status, latest=2, draft=2, published=1)
            if action in TRANSITIONS[status]:
                assert step(life, action).status is TRANSITIONS[status][action]
            else:
                with pytest.raises(IllegalFlowAction):
                    step(life, action)
