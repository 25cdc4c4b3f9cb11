// Small protobuf messages for the tests of the CLI.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_SAMPLE_ANSWERS_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_SAMPLE_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "arkshare/v1/types.pb.h"

namespace arkshare {

// Returns a content whose root has this first byte; the rest is 0x11.
v1::ContentId MakeContent(uint8_t first_byte, uint64_t size);
v1::Holder MakeHolder(uint32_t peer_id, const std::string& address,
                      v1::SharePolicy policy = v1::SHARE_POLICY_MOVE);
v1::SearchResponse::Result MakeResult(const std::string& name, const v1::ContentId& content,
                                      std::vector<v1::Holder> holders);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_SAMPLE_ANSWERS_H_
