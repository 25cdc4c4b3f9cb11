#include "services/peer/library/library_watch.h"

#include <optional>
#include <utility>

namespace arkshare {

LibraryWatch::LibraryWatch(GuardedTables* shared, Bell* bell) : shared_(shared), paths_(bell) {
  MutexLock lock(&shared_->mutex);
  shared_->tables.watches.Add(&paths_);
}

LibraryWatch::~LibraryWatch() {
  MutexLock lock(&shared_->mutex);
  shared_->tables.watches.Remove(&paths_);
}

LibraryWatch::News LibraryWatch::Next(size_t most) {
  News news;
  MutexLock lock(&shared_->mutex);
  if (!paths_.snapshot_ended()) {
    news.items = shared_->tables.Items(paths_.read_to(), most);
    news.more = true;
    if (news.items.size() < most) {
      paths_.EndSnapshot();
    } else {
      paths_.ReadTo(news.items.back().path);
    }
    return news;
  }
  for (std::string& path : paths_.Take(most)) {
    if (std::optional<LibraryItem> item = shared_->tables.ItemAt(path)) {
      news.items.push_back(*std::move(item));
    } else {
      news.gone.push_back(std::move(path));
    }
  }
  news.more = !paths_.empty();
  return news;
}

}  // namespace arkshare
