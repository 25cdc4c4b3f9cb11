// A set of listing numbers that mostly come in runs.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_NUMBER_SET_H_
#define ARKSHARE_SERVICES_INDEX_STORE_NUMBER_SET_H_

#include <absl/container/btree_map.h>
#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace arkshare {

// All numbers from the first to the last.
struct NumberRange {
  uint64_t first = 0;
  uint64_t last = 0;

  bool operator==(const NumberRange&) const = default;
};

// Stored as ranges: peers draw numbers one after the other, so the numbers that are gone take no
// more ranges than the books between them. Not thread-safe.
class NumberSet {
 public:
  void Insert(uint64_t number);
  // Requires first <= last. Takes logarithmic time for each run that is joined.
  void Insert(NumberRange range) { InsertRange(range.first, range.last); }
  bool Contains(uint64_t number) const;
  // Adds all of `other`.
  void Merge(const NumberSet& other);
  void Clear() { ranges_.clear(); }
  // Calls visit(run) for each run that has a number of the range, in order.
  void Visit(NumberRange range, absl::FunctionRef<void(const NumberRange&)> visit) const;
  // Returns all runs, in order.
  std::vector<NumberRange> Runs() const;
  // Removes up to `most` ranges, from the first.
  void RemoveRanges(size_t most) {
    for (; most > 0 && !ranges_.empty(); --most) ranges_.erase(ranges_.begin());
  }
  bool empty() const { return ranges_.empty(); }
  // Returns 0 when there is none.
  uint64_t Largest() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }
  // Returns the number of runs of consecutive numbers, which is what the set costs.
  size_t range_count() const { return ranges_.size(); }

 private:
  void InsertRange(uint64_t first, uint64_t last);

  absl::btree_map<uint64_t, uint64_t> ranges_;  // first -> last, never touching each other
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_NUMBER_SET_H_
