#include "services/index/etcd/presence_check.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace arkshare {

bool PresenceCheck::Differs(const Keys& stored, int64_t revision, const Keys& folded,
                            int64_t applied) {
  Keys differences;
  for (const std::string& key : folded) {
    if (stored.count(key) == 0) differences.insert(absl::StrCat("+", key));
  }
  for (const std::string& key : stored) {
    if (folded.count(key) == 0) differences.insert(absl::StrCat("-", key));
  }
  bool again = false;
  for (const std::string& difference : differences) {
    again = again || differences_.count(difference) > 0;
  }
  const bool differs = again && applied >= revision_;
  differences_ = std::move(differences);
  revision_ = revision;
  return differs;
}

void PresenceCheck::Forget() {
  differences_.clear();
  revision_ = 0;
}

}  // namespace arkshare
