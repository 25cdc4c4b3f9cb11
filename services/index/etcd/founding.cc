#include "services/index/etcd/founding.h"

#include <absl/strings/str_cat.h>

#include "replica/presence.pb.h"
#include "services/index/etcd/log_keys.h"
#include "services/index/etcd/log_transaction.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

Founding JudgeFounding(const KnownLog& known, const FoundLog& found) {
  if (found.birth.empty()) return Founding::kUnborn;
  if (known.birth.empty()) return Founding::kSame;
  if (found.birth != known.birth) return Founding::kAnother;
  const bool older = known.end_lost || found.head_version < known.head_version ||
                     found.revision < known.folded || (found.beat != 0 && found.beat < known.beat);
  return older ? Founding::kOlder : Founding::kSame;
}

pb::TxnRequest MakeFoundingRead(const std::string& prefix, const std::string& replica_key) {
  pb::TxnRequest request;
  AddRead(absl::StrCat(prefix, kBirthKey), request.add_success());
  AddRead(absl::StrCat(prefix, kHeadKey), request.add_success());
  AddRead(replica_key, request.add_success());
  return request;
}

std::optional<FoundLog> ReadFounding(const pb::TxnResponse& response) {
  if (!response.succeeded() || response.responses_size() != 3) return std::nullopt;
  FoundLog found;
  found.revision = response.header().revision();
  const auto& birth = response.responses(0).response_range().kvs();
  if (!birth.empty()) {
    found.birth = birth[0].value();
    found.birth_revision = birth[0].mod_revision();
  }
  const auto& head = response.responses(1).response_range().kvs();
  if (!head.empty()) {
    found.head_version = head[0].version();
    found.head_revision = head[0].mod_revision();
    found.head_value = head[0].value();
  }
  const auto& own = response.responses(2).response_range().kvs();
  replica::Presence presence;
  if (!own.empty() && presence.ParseFromString(own[0].value())) found.beat = presence.beat();
  return found;
}

pb::TxnRequest MakeBirth(const std::string& prefix, const FoundLog& found,
                         const std::string& birth) {
  pb::TxnRequest request;
  pb::Compare* compare = request.add_compare();
  compare->set_result(pb::Compare::EQUAL);
  compare->set_target(pb::Compare::MOD);
  compare->set_key(absl::StrCat(prefix, kBirthKey));
  compare->set_mod_revision(found.birth_revision);
  AddPut(absl::StrCat(prefix, kBirthKey), birth, request.add_success());
  AddHead(prefix, request);
  return request;
}

}  // namespace arkshare
