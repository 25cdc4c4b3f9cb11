#include "services/index/search/pre_filter.h"

#include <absl/algorithm/container.h>

#include "lib/core/search_words.h"

namespace arkshare {

bool PreFilter::MayMatch(absl::string_view name) {
  if (name.size() > text_.size() || MayHaveMoreWords(name)) return true;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const auto letter = static_cast<unsigned char>(byte | 0x20);
    const bool kept = (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9');
    text_[i] = kept ? static_cast<char>(letter) : ' ';
  }
  return EachBeginsAWord({text_.data(), name.size()});
}

bool PreFilter::EachBeginsAWord(absl::string_view folded) const {
  return absl::c_all_of(keywords_.words, [&](absl::string_view keyword) {
    for (size_t at = folded.find(keyword); at != absl::string_view::npos;
         at = folded.find(keyword, at + 1)) {
      if (at == 0 || folded[at - 1] == ' ') return true;
    }
    return false;
  });
}

}  // namespace arkshare
