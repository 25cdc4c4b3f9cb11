// When a file that changes again and again may be hashed next.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_HASH_PAUSES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_HASH_PAUSES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <string>

namespace arkshare {

// A file that is hashed again soon after the last time waits longer each time: not at all, then one
// second, two, four … up to a minute. A file that was left alone for some time begins again, so an
// owner who saves a book now and then does not notice. Pure: no lock, no clock.
class HashPauses {
 public:
  static constexpr absl::Duration kFirst = absl::Seconds(1);
  static constexpr absl::Duration kLongest = absl::Minutes(1);

  // Returns the time from which the file may be hashed; `now` or earlier means at once.
  absl::Time Allowed(const std::string& path, absl::Time now);
  // Notes that the hashing of a file has ended, well or not.
  void Ended(const std::string& path, absl::Time now);

 private:
  struct Entry {
    absl::Time last;      // when it was hashed
    absl::Duration wait;  // before it may be hashed again
  };
  // An entry that is older than this says nothing any more.
  static constexpr absl::Duration kForgetAfter = absl::Minutes(3);

  // Returns the entry that counts at `now`; nullptr when there is none.
  const Entry* Find(const std::string& path, absl::Time now) const;
  void Rotate(absl::Time now);

  // Two generations, so that forgetting costs nothing for each entry.
  absl::flat_hash_map<std::string, Entry> young_;
  absl::flat_hash_map<std::string, Entry> old_;
  absl::Time rotated_ = absl::InfinitePast();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_HASH_PAUSES_H_
