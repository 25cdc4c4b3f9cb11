#include "clients/cli/group.h"

#include <absl/strings/str_cat.h>

#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"

namespace arkshare {

absl::StatusOr<Group> GroupFromProto(const v1::ExportTlsResponse& exported) {
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(exported.certificate());
  if (!claims.ok()) {
    return AnswerInvalid(absl::StrCat("the peer exports what is no certificate of a member: ",
                                      claims.status().message(), "; restart the peer"));
  }
  const absl::StatusOr<PublicKey> index =
      KeyFromProto(exported.index_public_key(), "index_public_key");
  if (!index.ok()) return AnswerInvalid(index.status().message());
  return Group{
      {exported.certificate(), exported.private_key()}, *index, PeerNames(exported.members())};
}

}  // namespace arkshare
