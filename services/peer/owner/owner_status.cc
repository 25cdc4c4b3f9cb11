#include "services/peer/owner/owner_status.h"

#include <absl/strings/str_join.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "services/peer/group/export_tls.h"
#include "services/peer/owner/owner_protos.h"

namespace arkshare {
namespace {

// Other programs write to the disk too, so small changes are no news, until the disk is almost
// full.
constexpr uint64_t kFreeSpaceUnit = 16 * 1024 * 1024;
constexpr uint64_t kLittleSpace = 4 * kFreeSpaceUnit;
constexpr uint64_t kLittleSpaceUnit = 64 * 1024;

uint64_t RoundFreeBytes(uint64_t bytes) {
  return bytes - bytes % (bytes < kLittleSpace ? kLittleSpaceUnit : kFreeSpaceUnit);
}

// Returns those that are not empty.
std::vector<std::string> Troubles(std::vector<std::string> all) {
  std::erase(all, "");
  return all;
}

}  // namespace

OwnerStatus::OwnerStatus(Parts parts, PublicKey key, std::string listen_address)
    : parts_(parts),
      key_(std::move(key)),
      listen_address_(std::move(listen_address)),
      start_(parts.clock->Now()) {}

v1::GetStatusResponse OwnerStatus::Describe() const {
  v1::GetStatusResponse status;
  const Announcer::State state = parts_.announcer->GetState();
  const Library::Totals totals = parts_.library->GetTotals();
  status.set_version(ARKSHARE_VERSION);
  *status.mutable_start_time() = ToProto(start_);
  status.set_peer_id(state.peer_id);
  status.set_public_key(key_.bytes());
  status.set_address(state.address);
  status.set_listen_address(listen_address_);
  status.set_index_address(parts_.index->address());
  status.set_online(state.online);
  if (state.online) *status.mutable_online_time() = ToProto(state.online_since);
  status.set_trouble(absl::StrJoin(Troubles({state.trouble, parts_.scanner->Trouble()}), "; "));
  status.set_policy(parts_.library->policy() == SharePolicy::kMove ? v1::SHARE_POLICY_MOVE
                                                                   : v1::SHARE_POLICY_COPY);
  status.set_share_folder(parts_.folder->path());
  status.set_free_disk_bytes(RoundFreeBytes(parts_.folder->FreeBytes()));
  status.set_book_count(totals.books);
  status.set_book_bytes(totals.bytes);
  status.set_pending_files(totals.pending);
  status.set_not_indexed_count(totals.unsettled + parts_.announcer->left_out());
  for (const Sharing::Progress& share : parts_.sharing->Running()) {
    v1::ShareProgress* proto = status.add_shares();
    proto->set_path(share.path);
    proto->set_bytes_done(share.bytes_done);
    proto->set_bytes_total(share.bytes_total);
  }
  status.set_upload_slots(static_cast<uint32_t>(parts_.queue->slots()));
  status.set_uploads_running(static_cast<uint32_t>(parts_.queue->running()));
  status.set_uploads_waiting(static_cast<uint32_t>(parts_.queue->waiting()));
  status.set_upload_limit(parts_.queue->limit());
  status.set_upload_bytes_per_second(static_cast<uint64_t>(parts_.queue->BytesPerSecond()));
  status.set_bytes_uploaded(parts_.queue->bytes_sent());
  status.set_download_limit(parts_.download_limiter->rate());
  status.set_download_bytes_per_second(
      static_cast<uint64_t>(parts_.download_limiter->BytesPerSecond()));
  status.set_bytes_downloaded(parts_.download_limiter->taken());
  if (absl::StatusOr<uint64_t> limbo = parts_.releases->CountHidden(); limbo.ok()) {
    status.set_limbo_count(*limbo);
  }
  if (parts_.membership != nullptr) *status.mutable_group() = DescribeGroup(*parts_.membership);
  AddReach(state, status);
  return status;
}

void OwnerStatus::AddReach(const Announcer::State& state, v1::GetStatusResponse& status) const {
  status.set_way(state.online ? state.way : v1::WAY_UNSPECIFIED);
  status.set_relay_address(state.relay);
  if (parts_.mapper != nullptr && state.way == v1::WAY_DIRECT) {
    const std::optional<PortMapper::Mapping> mapping = parts_.mapper->mapping();
    if (mapping.has_value() && mapping->proven) {
      status.set_mapped_address(mapping->address);
      status.set_mapped_by(mapping->protocol);
      *status.mutable_mapped_until() = ToProto(mapping->until);
    }
  }
  if (parts_.calls != nullptr) {
    status.set_relayed_connections(static_cast<uint32_t>(parts_.calls->connections()));
    status.set_relayed_bytes(parts_.calls->bytes());
  }
}

}  // namespace arkshare
