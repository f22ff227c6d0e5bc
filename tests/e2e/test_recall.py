"""A model is withdrawn from the running mesh and brought back, by REST and without a restart."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from cli.problems import CommandError
from mesh import model_control
from tests.campaigns.stack import SAMPLE, Stack, order

ENDED = ("STATE_SUCCEEDED", "STATE_FAILED")


def analysed(stack: Stack, **fields) -> dict:
    api = stack.api()
    return api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s", **fields))


def test_a_recalled_model_serves_nobody_until_it_is_restored(stack: Stack, finished):
    model, api = finished["model_version"], stack.api()
    path = f"/v1/models/{quote(model, safe='@')}"
    others = [
        m["model"] for m in api.call("GET", "/v1/models")["models"] if m["model"].startswith("ink-seg@")
    ]
    view = api.call("POST", f"{path}:recall", {"reason": "masks of watch straps"})
    try:
        assert view["recalled"]
        time.sleep(3 * model_control.POLL_S)
        with pytest.raises(CommandError) as error:
            analysed(stack, model=model)
        assert error.value.problem["code"] == "MODEL_RECALLED"
        job = analysed(stack)
        assert job["state"] in ENDED
        if len(others) > 1:
            assert job["model_version"] in set(others) - {model}
        else:
            assert job["error"]["code"] == "MODEL_RECALLED"
    finally:
        assert not api.call("POST", f"{path}:restore", {}).get("recalled")
    time.sleep(3 * model_control.POLL_S)
    assert analysed(stack)["model_version"] == model


def test_an_older_version_is_made_the_active_one_and_back(stack: Stack, finished):
    newest, api = finished["model_version"], stack.api()
    served = [m["model"] for m in api.call("GET", "/v1/models")["models"]]
    (older,) = (label for label in served if label.startswith("ink-seg@") and label != newest)
    try:
        assert api.call("POST", f"/v1/models/{quote(older, safe='@')}:activate", {})["active"]
        time.sleep(3 * model_control.POLL_S)
        assert analysed(stack)["model_version"] == older
    finally:
        api.call("POST", f"/v1/models/{quote(newest, safe='@')}:activate", {})
    time.sleep(3 * model_control.POLL_S)
    assert analysed(stack)["model_version"] == newest
