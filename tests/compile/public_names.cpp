// SPDX-License-Identifier: MIT
// The umbrella header alone gives every public name, and tamalloc can be used by using-directive beside std.
#include "tamalloc/tamalloc.hpp"

using namespace std;
using namespace tamalloc;

static_assert(same_as<tamalloc::vector<int>::allocator_type, Allocator<int, DefaultSource>>);
static_assert(same_as<DefaultSource, RecyclingSource<SystemSource>>);
static_assert(derived_from<AllocationFailure, bad_alloc>);
static_assert(same_as<result<>, tamalloc::expected<void, error_code>>);
static_assert(PageSource<MmapSource<MmapOptions{Charge::accounted, HugePages::never, OnFork::wipe, false}>>);
static_assert(is_empty_v<DefaultSource> && PageSource<RecyclingSource<MmapSource<>, RecyclingOptions{.budget = 1}>>);
static_assert(same_as<decltype(DefaultSource::stats()), RecyclingStats>);
static_assert(PurgingSource<SystemSource> && ClearingSource<SystemSource> && ReservingSource<SystemSource>);
static_assert(ResizingSource<SystemSource> && ObservingSource<SystemSource>);
static_assert(ZeroInitializable<int> && ImplicitLifetime<int> && !enable_zero_init<int>);
static_assert(PageSource<KernelSource<MmapOptions{Charge::lazy, HugePages::prefer, OnFork::omit, true}>>);
static_assert(same_as<decltype(backend()), BackendInfo> && same_as<decltype(SystemSource::active()), Backend>);
static_assert(Backend::mmap != Backend::kernel && Provenance::procfs != Provenance::kernel);
static_assert(same_as<PageAllocator<int>, Allocator<int, DefaultSource, AllocatorOptions{.zero = Zeroing::eager}>>);
static_assert(
    same_as<SparseAllocator<int>, Allocator<int, DefaultSource, AllocatorOptions{.zero = Zeroing::zero_copies}>>);
static_assert(sizeof(FreshRun<false>) == 16);
static_assert(ranges::input_range<PopulatedView<>>);
static_assert(derived_from<MemoryResource<>, ZeroedResource> && derived_from<ArenaResource<>, ZeroedResource>);
static_assert(same_as<tamalloc::pmr::vector<int>::allocator_type, tamalloc::pmr::Allocator<int>>);
static_assert(same_as<decltype(get_default_zeroed_resource()), ZeroedResource*>);
static_assert(ranges::contiguous_range<ZeroedArray<int>> && ranges::contiguous_range<SparseVector<int>>);
static_assert(same_as<decltype(make_zeroed<int>(0)), unique_ptr<int[], PageDeleter<int>>>);
static_assert(SparseOptions{}.reserve == size_t{64} << 30 && page_threshold == 128 * 1024);
static_assert(same_as<decltype(resident_bytes({})), result<size_t>>);
static_assert(TAMALLOC_VERSION >= 100);
