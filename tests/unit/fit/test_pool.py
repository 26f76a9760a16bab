from __future__ import annotations

import pytest

from slipway.fit.cache import Cache, Chunk, Latent, Request, State, Window
from slipway.fit.pool import CannotPool, Capacity, Placed, Pool, build_pool

REQUEST = Request(length=1000, in_flight=100)


def shapes(pool: Pool) -> list[list[tuple[str, int, int]]]:
    """Kind, block and page of every layer of every group."""
    return [[(type(layer.cache).__name__, layer.cache.block, layer.cache.page) for layer in group] for group in pool.groups]


def place(*caches: Cache) -> list[Placed]:
    return [Placed(cache) for cache in caches]


def test_layers_of_one_kind_share_one_group() -> None:
    pool = build_pool(place(*[Cache(16, 100)] * 3))
    assert shapes(pool) == [[("Cache", 16, 1600)] * 3]
    assert pool.blocks(REQUEST) == 63
    assert pool.capacity([4800 * 126], REQUEST) == Capacity(126, 2000, 2.0)


def test_a_start_needs_a_full_request_and_the_null_block() -> None:
    pool = build_pool(place(Cache(16, 100)))
    assert pool.need(REQUEST) == 1600 * 64
    assert pool.holds([1600 * 64], REQUEST)
    assert not pool.holds([1600 * 64 - 1], REQUEST)
    assert pool.longest([1600 * 11], REQUEST) == 160


def test_windows_hold_the_window_what_is_in_flight_and_one_block_more() -> None:
    assert Window(16, 100, span=200).blocks(REQUEST) == 20
    assert Window(16, 100, span=5000).blocks(REQUEST) == 64


def test_chunks_hold_the_chunk_and_what_is_in_flight() -> None:
    assert Chunk(16, 100, span=200).blocks(REQUEST) == 19


def test_groups_have_as_many_layers_as_the_rarest_kind() -> None:
    full, window = Cache(16, 100), Window(16, 100, span=200)
    pool = build_pool(place(window, window, full, window, window, full))
    assert [len(group) for group in pool.groups] == [2, 2, 2]
    assert pool.block_bytes() == 3200
    assert pool.blocks(REQUEST) == 63 + 2 * 20


def test_kinds_of_almost_equal_number_make_one_group_each() -> None:
    full, window = Cache(16, 100), Window(16, 100, span=200)
    pool = build_pool(place(*[full] * 13, *[window] * 12))
    assert [len(group) for group in pool.groups] == [13, 12]
    assert pool.block_bytes() == 13 * 1600


def test_smaller_pages_get_longer_blocks_where_they_divide_and_padding_elsewhere() -> None:
    pool = build_pool(place(Cache(16, 100), Window(16, 50, span=200), Window(16, 60, (1,), span=200)))
    assert shapes(pool) == [[("Cache", 16, 1600)], [("Window", 32, 1600)], [("Window", 16, 1600)]]


def test_a_state_is_padded_to_a_page() -> None:
    pool = build_pool(place(Cache(16, 100), State(16, 700, copies=2)))
    assert shapes(pool) == [[("Cache", 16, 1600)], [("State", 16, 1600)]]
    assert pool.blocks(REQUEST) == 63 + 2


def test_latent_layers_and_their_indexers_share_a_group_with_pages_of_their_own() -> None:
    pool = build_pool(place(Latent(64, 1152), Latent(64, 132), Latent(64, 1152), Latent(64, 132)))
    assert pool.block_bytes() == 2 * 64 * (1152 + 132)
    assert pool.blocks(REQUEST) == 16


def test_windows_count_as_full_attention_beside_latent_pages_that_they_cannot_share() -> None:
    pool = build_pool(place(Latent(64, 90), Window(64, 1000, span=100)))
    assert shapes(pool) == [[("Latent", 64, 5760), ("Cache", 64, 64000)]]


def test_pages_that_cannot_be_unified_are_refused() -> None:
    with pytest.raises(CannotPool):
        build_pool(place(Latent(64, 1152), State(64, 100_000)))


def test_without_the_hybrid_manager_windows_count_as_full_attention() -> None:
    pool = build_pool(place(Cache(16, 100), Window(16, 100, span=200)), hybrid=False)
    assert shapes(pool) == [[("Cache", 16, 1600), ("Cache", 16, 1600)]]


def test_windows_alone_stay_windows_without_the_hybrid_manager() -> None:
    assert shapes(build_pool(place(Window(16, 100, span=200)), hybrid=False)) == [[("Window", 16, 1600)]]


def test_packed_blocks_keep_pages_of_several_sizes() -> None:
    wide, narrow, window = Latent(64, 10), Latent(64, 2), Window(64, 10, span=100)
    pool = build_pool(place(wide, narrow, window, wide, narrow, window, window, window), packed=True)
    assert [len(group) for group in pool.groups] == [4, 2, 2]
    assert pool.block_bytes() == 2 * 64 * 12


def test_the_fullest_stage_decides_how_many_blocks_there_are() -> None:
    layers = [Placed(Cache(16, 100), 0), Placed(Cache(16, 100), 0), Placed(Cache(16, 100), 1)]
    pool = build_pool(layers, stages=2)
    assert (pool.block_bytes(0), pool.block_bytes(1)) == (3200, 1600)
    assert pool.capacity([3200 * 63, 1600 * 630], REQUEST).blocks == 63
    assert not pool.holds([3200 * 64, 1600 * 63], REQUEST)


def test_a_model_without_any_cache_has_no_groups() -> None:
    pool = build_pool([])
    assert (pool.groups, pool.blocks(REQUEST), pool.block_bytes()) == ((), 0, 0)
