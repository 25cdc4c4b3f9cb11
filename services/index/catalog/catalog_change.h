// The parts that the sources of Catalog share.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_CHANGE_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_CHANGE_H_

#include "services/index/catalog/catalog.h"

namespace arkshare {

// Statements after which the writer gives way to the threads that wait for the lock.
inline constexpr size_t kStatementSlice = 32;

inline BookToAdd BookOf(const StatementRecord& present) {
  return {present.present->name.value(), &present.present->content, &present.keys};
}

// Holds the lock. Its end gives the lock back, then tells watchers and `on_change` of the change.
class ABSL_SCOPED_LOCKABLE Catalog::Change {
 public:
  explicit Change(Catalog* catalog) ABSL_EXCLUSIVE_LOCK_FUNCTION(catalog->tables_.mutex)
      : catalog_(catalog) {
    catalog_->tables_.mutex.Lock();
  }
  ~Change() ABSL_UNLOCK_FUNCTION() {
    catalog_->tables_.mutex.Unlock();
    catalog_->events_.WakeReaders();
    if (catalog_->on_change_) catalog_->on_change_();
  }

 private:
  Catalog* const catalog_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_CATALOG_CHANGE_H_
