#include "services/peer/fetch/part_assembler.h"

#include <absl/strings/string_view.h>

#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

bool IsTheBook(const ContentId& content, const std::string& bytes) {
  if (bytes.size() != content.size) return false;
  if (content.size == 0) return Sha256({}) == content.root;
  return PieceHash(content.size, AsBytes(bytes)) == content.root;
}

}  // namespace

absl::StatusOr<std::optional<PartAssembler::Whole>> PartAssembler::Take(
    v1::DownloadManyResponse::Part& part) {
  if (part.index() >= contents_.size()) return AnswerInvalid("a part of no book");
  if (part.index() < next_) return AnswerInvalid("a part of a book that has ended");
  if (part.index() > next_) {
    next_ = part.index();
    bytes_.clear();
  }
  if (part.has_error()) {
    ++next_;
    bytes_.clear();
    return std::nullopt;
  }
  const ContentId& content = contents_[next_];
  if (part.data().empty() && !part.last()) return AnswerInvalid("a part without data");
  if (part.data().size() > content.size - bytes_.size()) {
    return AnswerInvalid("a part is longer than its book");
  }
  if (bytes_.empty()) {
    bytes_.swap(*part.mutable_data());
  } else {
    bytes_ += part.data();
  }
  if (!part.last()) return std::nullopt;
  if (!IsTheBook(content, bytes_)) {
    return MakeError(Reason::kContentMismatch, "the bytes are not those of the book");
  }
  return Whole{next_++, std::exchange(bytes_, {}), AttributesIn(part)};
}

}  // namespace arkshare
