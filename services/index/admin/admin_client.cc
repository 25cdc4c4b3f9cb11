#include "services/index/admin/admin_client.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

// A call waits for the disk of the index.
constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr size_t kMinKeyDigits = 4;

}  // namespace

std::string AdminSocket(const std::string& home) {
  return absl::StrCat("unix:", home, "/control.sock");
}

AdminClient::AdminClient(const std::string& home)
    : home_(home),
      stub_(v1::AdminService::NewStub(
          MakeChannel(AdminSocket(home), grpc::InsecureChannelCredentials()))) {}

void AdminClient::Prepare(grpc::ClientContext& context) { SetTimeout(context, kCallTimeout); }

absl::Status AdminClient::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  absl::Status error =
      FromGrpcStatus(status, absl::StrCat("the index of ", home_), Reason::kIndexUnreachable);
  if (GetReason(error) != Reason::kIndexUnreachable) return error;
  return MakeError(
      Reason::kIndexUnreachable,
      absl::StrCat("no index runs with --home ", home_, " on this machine, or you may ",
                   "not use it: start it, or run this command as its owner"));
}

absl::StatusOr<v1::Member> AdminClient::FindMember(const std::string& who) {
  const absl::StatusOr<v1::ListGroupResponse> group =
      Call(&v1::AdminService::Stub::ListGroup, v1::ListGroupRequest());
  if (!group.ok()) return group.status();
  const std::string digits = absl::AsciiStrToLower(who);
  std::vector<v1::Member> found;
  for (const v1::Member& member : group->members().members()) {
    const bool by_key =
        digits.size() >= kMinKeyDigits && absl::StartsWith(ToHex(member.public_key()), digits);
    if (by_key || member.name() == who) found.push_back(member);
  }
  if (found.empty()) {
    return MakeError(Reason::kMemberUnknown,
                     absl::StrCat("no member is named ", EscapeForDisplay(who),
                                  ", and no key begins with it; arkshare-index members lists all"));
  }
  if (found.size() > 1) {
    return MakeError(Reason::kAmbiguousName,
                     absl::StrCat(found.size(), " members are meant by ", EscapeForDisplay(who),
                                  "; give more digits of the key"));
  }
  return found.front();
}

}  // namespace arkshare
