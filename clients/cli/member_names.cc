#include "clients/cli/member_names.h"

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kNamesInterval = absl::Seconds(1);

}  // namespace

const PeerNames& MemberNames::Get(absl::string_view public_key) {
  static const PeerNames* const none = new PeerNames;
  const Group* group = dialer_->KnownGroup();
  if (group == nullptr && dialer_->has_tls_files()) return FromIndex(public_key);
  const bool unknown = group != nullptr && !public_key.empty() && !group->names.Has(public_key);
  if (unknown) group = dialer_->NewerGroup(kNamesInterval);
  return group != nullptr ? group->names : *none;
}

const PeerNames& MemberNames::FromIndex(absl::string_view public_key) {
  const absl::Time now = clock_->Monotonic();
  const bool known = !index_names_.empty() && (public_key.empty() || index_names_.Has(public_key));
  if (known || now < index_names_due_) return index_names_;
  const absl::StatusOr<v1::ListMembersResponse> answer =
      index_->Call(&v1::IndexService::Stub::ListMembers, v1::ListMembersRequest());
  if (answer.ok()) index_names_ = PeerNames(answer->members());
  const bool has_group = GetReason(answer.status()) != Reason::kGroupUnknown;
  index_names_due_ = has_group ? now + kNamesInterval : absl::InfiniteFuture();
  return index_names_;
}

}  // namespace arkshare
