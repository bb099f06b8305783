from __future__ import annotations

import threading

import pytest
import torch

from spotlib.models.fast.crew import Crew, crew


def test_chunks_are_shared_in_order_and_without_gradients() -> None:
    team = Crew(2)
    before = torch.get_num_threads()
    said = team.share(lambda which: (list(which), torch.is_grad_enabled(), torch.get_num_threads()), 5)
    torch.set_num_threads(before)
    assert [chunks for chunks, _, _ in said] == [[0, 1], [2, 3, 4]]
    assert all(not grad and threads == 1 for _, grad, threads in said)


def test_one_thread_or_one_chunk_stays_in_this_thread() -> None:
    here = threading.get_ident()
    before = torch.get_num_threads()
    team = Crew(2)
    torch.set_num_threads(before)
    assert Crew(1).share(lambda which: (threading.get_ident(), list(which)), 3) == [(here, [0, 1, 2])]
    assert team.share(lambda which: threading.get_ident(), 1) == [here]
    assert torch.is_grad_enabled()


def test_errors_come_out() -> None:
    before = torch.get_num_threads()
    team = Crew(2)
    torch.set_num_threads(before)
    with pytest.raises(ZeroDivisionError):
        team.share(lambda which: [1 // (i - 3) for i in which], 5)


def test_the_crew_follows_the_number_of_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert crew().threads == 2
        assert torch.get_num_threads() == 2
        assert crew() is crew()
    finally:
        torch.set_num_threads(before)
    assert crew().threads == before
