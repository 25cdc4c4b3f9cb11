#include "services/peer/disk/partial_books.h"

#include <algorithm>
#include <utility>

#include "lib/core/merkle.h"

namespace arkshare {

PartialBook::PartialBook(const ContentId& content, UniqueFd fd, const Clock* clock)
    : content_(content), fd_(std::move(fd)), clock_(clock), has_(PieceCount(content.size)) {}

void PartialBook::SetManifest(std::vector<Sha256Digest> pieces) {
  MutexLock lock(&mutex_);
  manifest_ = std::move(pieces);
}

std::optional<std::vector<Sha256Digest>> PartialBook::manifest() const {
  MutexLock lock(&mutex_);
  return manifest_;
}

void PartialBook::Add(uint64_t piece) {
  MutexLock lock(&mutex_);
  if (has_[piece]) return;
  has_[piece] = true;
  order_.push_back(piece);
  changed_.NotifyAll();
}

bool PartialBook::Has(uint64_t piece) const {
  MutexLock lock(&mutex_);
  return piece < has_.size() && has_[piece];
}

void PartialBook::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

PartialBook::News PartialBook::Await(size_t seen, size_t enough, absl::Duration wait) const {
  const absl::Time until = clock_->Monotonic() + wait;
  MutexLock lock(&mutex_);
  while (order_.size() < std::min(seen + enough, has_.size()) && !closed_) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
  }
  News news{.whole = order_.size() == has_.size(), .closed = closed_};
  if (seen < order_.size()) {
    news.pieces.assign(order_.begin() + static_cast<ptrdiff_t>(seen), order_.end());
  }
  return news;
}

std::shared_ptr<PartialBook> PartialBooks::Begin(const ContentId& content, UniqueFd fd) {
  auto book = std::make_shared<PartialBook>(content, std::move(fd), clock_);
  MutexLock lock(&mutex_);
  std::shared_ptr<PartialBook>& place = books_[content];
  if (place != nullptr) place->Close();
  place = book;
  return book;
}

std::shared_ptr<PartialBook> PartialBooks::Find(const ContentId& content) const {
  MutexLock lock(&mutex_);
  const auto it = books_.find(content);
  return it == books_.end() ? nullptr : it->second;
}

void PartialBooks::End(const std::shared_ptr<PartialBook>& book) {
  book->Close();
  MutexLock lock(&mutex_);
  const auto it = books_.find(book->content());
  if (it != books_.end() && it->second == book) books_.erase(it);
}

void PartialBooks::Stop() {
  MutexLock lock(&mutex_);
  for (const auto& [content, book] : books_) book->Close();
  books_.clear();
}

}  // namespace arkshare
