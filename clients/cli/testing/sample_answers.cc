#include "clients/cli/testing/sample_answers.h"

#include <utility>

namespace arkshare {

v1::ContentId MakeContent(uint8_t first_byte, uint64_t size) {
  v1::ContentId content;
  content.set_root(std::string(1, static_cast<char>(first_byte)) + std::string(31, '\x11'));
  content.set_size_bytes(size);
  return content;
}

v1::Holder MakeHolder(uint32_t peer_id, const std::string& address, v1::SharePolicy policy) {
  v1::Holder holder;
  holder.set_peer_id(peer_id);
  holder.set_public_key(std::string(31, 'k') + static_cast<char>(peer_id % 100 + 1));
  holder.set_listing_number(peer_id);
  holder.set_address(address);
  holder.set_policy(policy);
  return holder;
}

v1::SearchResponse::Result MakeResult(const std::string& name, const v1::ContentId& content,
                                      std::vector<v1::Holder> holders) {
  v1::SearchResponse::Result result;
  result.set_name(name);
  *result.mutable_content() = content;
  for (v1::Holder& holder : holders) *result.add_holders() = std::move(holder);
  result.set_holder_count(static_cast<uint32_t>(result.holders_size()));
  return result;
}

}  // namespace arkshare
