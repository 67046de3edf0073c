#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string_view>

#include "kv/store/generation.h"
#include "kv/store/options.h"
#include "kv/store/store_home.h"
#include "raft/replica/ports.h"

// Snapshots as raft/replica/ports.h sees them, on the images of a StoreHome.
namespace cairn::kv {

// An image of everything published so far; where it stands is read from the image itself.
absl::StatusOr<std::unique_ptr<raft::SnapshotSource>> MakeSnapshotSource(
    StoreHome& home, const std::shared_ptr<Generation>& generation);

// The sink holds `held` until it goes.
absl::StatusOr<std::unique_ptr<raft::SnapshotSink>> MakeSnapshotSink(StoreHome& home,
                                                                     const StoreOptions& options,
                                                                     const raft::SnapshotMeta& meta,
                                                                     std::string_view manifest,
                                                                     std::shared_ptr<const void> held);

// Whether an image at this ImageManifest::position has nothing that a state at `applied` lacks.
bool IsBehind(std::string_view position, raft::Index applied);

// The store in a finished sink, from now on and after a crash the current one of its home. After an error
// either store may be the current one after a crash, and both are kept.
// REQUIRES: the sink came from MakeSnapshotSink() and Finish() succeeded.
absl::StatusOr<std::shared_ptr<Generation>> MakeCurrent(std::unique_ptr<raft::SnapshotSink> sink);

// Where a generation stands, in Raft's words.
raft::SnapshotMeta SnapshotMetaOf(const schema::State& state, const Members& members);

}  // namespace cairn::kv
