// Checks the answers of an index, which a peer and the CLI trust no more than a request.
//
// Each function checks every field that it does not name as free: counts, lengths, keys, names,
// contents and addresses, and that the answer fits the request. kAnswerInvalid names the field.
// Free are numbers of which every value is good (slots, limits, counts), and text for people, which
// is cut (CutText) and escaped where it is shown.
#ifndef ARKSHARE_LIB_RPC_ANSWERS_H_
#define ARKSHARE_LIB_RPC_ANSWERS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <string>

namespace arkshare::v1 {
class ListBooksRequest;
class ListBooksResponse;
class ListMembersRequest;
class ListMembersResponse;
class ListPeersRequest;
class ListPeersResponse;
class RegisterRequest;
class RegisterResponse;
class SearchRequest;
class SearchResponse;
class UpdateOwnerRequest;
class UpdateOwnerResponse;
class WatchResponse;
}  // namespace arkshare::v1

namespace arkshare {

absl::Status CheckAnswer(const v1::RegisterRequest& request, const v1::RegisterResponse& answer);
absl::Status CheckAnswer(const v1::SearchRequest& request, const v1::SearchResponse& answer);
absl::Status CheckAnswer(const v1::ListPeersRequest& request, const v1::ListPeersResponse& answer);
absl::Status CheckAnswer(const v1::ListBooksRequest& request, const v1::ListBooksResponse& answer);
absl::Status CheckAnswer(const v1::UpdateOwnerRequest& request,
                         const v1::UpdateOwnerResponse& answer);
// Checks a message of a Watch stream, with all its events.
absl::Status CheckAnswer(const v1::ListMembersRequest& request,
                         const v1::ListMembersResponse& answer);
absl::Status CheckAnswer(const v1::WatchResponse& answer);

// Checks the address of another peer: "HOST:PORT" or "[IPv6]:PORT" with a port from 1 to 65535 and
// a host of at most kMaxHostBytes. No other form that gRPC would take (unix:, dns:///, ipv4: …).
absl::Status CheckPeerAddress(const std::string& address, absl::string_view field);

// Returns kAnswerInvalid: `what` is wrong with an answer, such as "lease must be 1 s to 24 h".
absl::Status AnswerInvalid(absl::string_view what);

// Returns text for people, cut to kMaxTextBytes.
std::string CutText(absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_ANSWERS_H_
