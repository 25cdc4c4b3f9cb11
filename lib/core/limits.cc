#include "lib/core/limits.h"

#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"

namespace arkshare {

absl::Status CheckItemCount(int count) {
  if (count >= 1 && count <= kMaxItems) return absl::OkStatus();
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("a call takes 1 to ", kMaxItems, " items, not ", count));
}

}  // namespace arkshare
