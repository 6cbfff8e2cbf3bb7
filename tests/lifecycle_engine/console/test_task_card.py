"""What a model's card says of a task that was learned together with others."""

import pytest
from django.urls import reverse

from tests.factories.scoring import ModelVersionFactory


def page(admin_client, language, verdict="helps", *, higher_is_better=True):
    sharing = {
        "metric": "average_precision" if higher_is_better else "mae",
        "higher_is_better": higher_is_better,
        "seeds": 5,
        "shared": 0.7125,
        "single": 0.7005,
        "low": 0.003,
        "high": 0.021,
        "verdict": verdict,
    }
    report = {
        "sharing": sharing,
        "gates": {"expert_1": 0.25, "expert_2": 0.75},
        "task_weights": {"lifecycle.retention": 1.8125, "gone.away": 0.4},
        "weighed_by": "uncertainty",
        "learned_with": ["gone.away", "lifecycle.retention"],
    }
    version = ModelVersionFactory(card={"report": report})
    address = reverse("admin:scoring_modelversion_change", args=[version.pk])
    return admin_client.get(address, headers={"accept-language": language}).content.decode()


@pytest.mark.parametrize(
    ("verdict", "language", "said"),
    [
        ("helps", "en", "Learning together with other tasks helps this one. Average precision"),
        ("hurts", "en", "A network for this task alone would be better. Average precision"),
        ("unclear", "en", "Whether learning together helps this task can&#x27;t be told. Average"),
        ("helps", "zh-hans", "与其他任务一起学习对此任务有帮助"),
        ("hurts", "zh-hans", "只为此任务训练的网络会更好"),
        ("unclear", "zh-hans", "无法判断一起学习对此任务是否有帮助"),
    ],
)
def test_the_card_says_in_a_sentence_whether_learning_together_helps(
    admin_client, verdict, language, said
):
    found = page(admin_client, language, verdict)

    assert said in found
    assert "0.7125" in found
    assert "[+0.003" in found
    assert ("over 5 seeds" if language == "en" else "5 个种子的差值") in found


def test_the_weights_and_the_gates_are_drawn(admin_client):
    found = page(admin_client, "en", higher_is_better=False)

    assert "lower is better" in found
    assert "Weights of the tasks, learned" in found
    assert "gone.away: 0.4000; Retention, learned with other tasks: 1.8125" in found
    assert "Expert 1: 0.2500; Expert 2: 0.7500" in found
    # What is drawn is not listed again; the rest of the report is.
    assert "task weights" not in found
    assert "learned with" in found


def test_a_scorer_that_shares_nothing_has_no_such_part(admin_client):
    version = ModelVersionFactory(card={"report": {"chosen": "boosting"}})
    address = reverse("admin:scoring_modelversion_change", args=[version.pk])

    assert "Learned together" not in admin_client.get(address).content.decode()
