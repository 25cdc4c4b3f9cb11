// Whether the replicas that were folded are those in etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_PRESENCE_CHECK_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_PRESENCE_CHECK_H_

#include <cstdint>
#include <set>
#include <string>

namespace arkshare {

// The end of a lease writes no `head`, so the chain does not show that its event was lost. Pure;
// not thread-safe.
class PresenceCheck {
 public:
  using Keys = std::set<std::string>;

  // Compares, once a beat, the keys that etcd had at `revision` with those that are folded now.
  // Returns true when one key differs at two beats in a row, although the fold has passed the
  // revision of the first one.
  bool Differs(const Keys& stored, int64_t revision, const Keys& folded, int64_t applied);
  // The log was refounded: revisions begin again.
  void Forget();

 private:
  Keys differences_;  // "+key": only folded, "-key": only stored
  int64_t revision_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_PRESENCE_CHECK_H_
