#include "services/peer/group/join_group.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <utility>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/invitation.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/log.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/key_handshake.h"
#include "lib/rpc/member_protos.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/group/membership.h"

namespace arkshare {
namespace {

constexpr absl::Duration kHandshakeTimeout = absl::Seconds(5);
constexpr absl::Duration kJoinTimeout = absl::Seconds(15);

// Another address of the invitation would bring the same answer.
bool IsFinal(const absl::Status& status) {
  switch (GetReason(status)) {
    case Reason::kIndexUnreachable:
    case Reason::kWrongKey:
    case Reason::kHandshakeRefused:
      return false;
    default:
      return true;
  }
}

// Checks the answer of an index whose key is proven.
absl::StatusOr<MemberList> ListIn(const v1::JoinResponse& answer, const PublicKey& index,
                                  const PublicKey& self) {
  if (answer.index_public_key() != index.bytes()) {
    return AnswerInvalid("index_public_key is not the key of the connection");
  }
  absl::StatusOr<MemberList> list = ApplyUpdate(MemberList(), answer.members(), index);
  if (list.ok() && list->Find(self) == nullptr) {
    return AnswerInvalid("this peer is not in the list of members");
  }
  return list;
}

// Joins at one address of the index.
absl::StatusOr<MemberList> JoinAt(const std::string& address, const Invitation& invitation,
                                  const PrivateKey& key, const std::string& name,
                                  std::optional<PublicKey>& index) {
  const absl::StatusOr<PublicKey> proven =
      ReadKeyAt(address, MakeLeafCertificate(key, {}), kHandshakeTimeout);
  if (!proven.ok()) return proven.status();
  if (IndexFingerprint(*proven) != invitation.fingerprint) {
    return MakeError(
        Reason::kWrongKey,
        absl::StrCat("the program at ", address, " has the key ", proven->hex(),
                     ", which is not that of the index in the invitation; the index has a new key, "
                     "or moved, or this is another program: ask its owner"));
  }
  LeafOptions leaf;
  leaf.join = JoinProofOf(invitation.secret, *proven, key.public_key());
  const std::shared_ptr<Dialer> dialer = Dialer::WithKey(MakeLeafCertificate(key, leaf));
  const std::shared_ptr<grpc::Channel> channel = dialer->Dial(address, &*proven);
  grpc::ClientContext context;
  SetTimeout(context, kJoinTimeout);
  v1::JoinRequest request;
  request.set_name(name);
  v1::JoinResponse answer;
  const grpc::Status called = v1::IndexService::NewStub(channel)->Join(&context, request, &answer);
  const std::string server = absl::StrCat("the index at ", address);
  if (!called.ok()) {
    absl::Status status = dialer->WithCause(
        FromGrpcStatus(called, server, Reason::kIndexUnreachable), server, address, &*proven);
    if (GetReason(status) != Reason::kHandshakeRefused) return status;
    return MakeError(Reason::kHandshakeRefused,
                     absl::StrCat(server,
                                  " does not know this invitation: it is mistyped in a way "
                                  "that its check digits do not show, or older than 30 "
                                  "days; ask for a new one"));
  }
  absl::StatusOr<MemberList> list = ListIn(answer, *proven, key.public_key());
  if (!list.ok()) {
    return MakeError(GetReason(list.status()), absl::StrCat(server, ": ", list.status().message()));
  }
  index = *proven;
  return list;
}

}  // namespace

absl::Status JoinGroup(const StateFiles& files, const PrivateKey& key, const std::string& word,
                       const std::string& name) {
  absl::StatusOr<Invitation> invitation = ReadInvitation(word);
  if (!invitation.ok()) return invitation.status();
  if (absl::Status s = CheckMemberName(name); !s.ok()) return s;
  absl::StatusOr<std::optional<GroupOfPeer>> group = LoadGroup(files);
  if (!group.ok()) return group.status();
  if (group->has_value()) {
    if (IndexFingerprint((*group)->index) == invitation->fingerprint) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("this peer is a member of the group of another index, with the key ",
                     (*group)->index.hex(), ", and stays in it; to change, add --leave"));
  }
  absl::Status failure;
  for (const std::string& address : invitation->addresses) {
    std::optional<PublicKey> index;
    absl::StatusOr<MemberList> list = JoinAt(address, *invitation, key, name, index);
    if (list.ok()) {
      ARKSHARE_FAILPOINT("member.joined");
      absl::Status saved = SaveGroup(files, {*index, invitation->addresses}, *list);
      if (!saved.ok()) {
        return absl::Status(saved.code(),
                            absl::StrCat("this peer has joined, but the membership cannot be "
                                         "written: ",
                                         saved.message(), "; join again with the same word"));
      }
      LogInfo("joined", {{"index", index->hex()}, {"members", list->members().size()}});
      return absl::OkStatus();
    }
    // The first failure is about the address that the owner of the index named first.
    if (failure.ok() || IsFinal(list.status())) failure = list.status();
    if (IsFinal(list.status())) break;
  }
  return failure;
}

absl::StatusOr<bool> LeaveGroup(const std::string& share) {
  absl::StatusOr<std::unique_ptr<SharedFolder>> folder = SharedFolder::Open(share);
  if (!folder.ok()) return folder.status();
  const StateFiles& files = (*folder)->state_files();
  const absl::StatusOr<std::optional<GroupOfPeer>> group = LoadGroup(files);
  // A damaged file is left as well.
  const bool in_group = !group.ok() || group->has_value();
  if (absl::Status s = RemoveGroup(files); !s.ok()) return s;
  return in_group;
}

}  // namespace arkshare
