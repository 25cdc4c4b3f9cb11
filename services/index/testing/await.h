// Waits for an answer that comes as a call.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_AWAIT_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_AWAIT_H_

#include <absl/status/statusor.h>

#include <future>
#include <memory>
#include <utility>

namespace arkshare {

// Calls begin(done) and returns what `done` is called with, then or later.
template <typename Result, typename Begin>
absl::StatusOr<Result> Await(const Begin& begin) {
  // Shared, because the thread that answers may still be in set_value when the answer is taken.
  const auto answer = std::make_shared<std::promise<absl::StatusOr<Result>>>();
  begin([answer](absl::StatusOr<Result> result) { answer->set_value(std::move(result)); });
  return answer->get_future().get();
}

// The same for a call without a result.
template <typename Begin>
void AwaitEnd(const Begin& begin) {
  const auto end = std::make_shared<std::promise<void>>();
  begin([end](const auto&...) { end->set_value(); });
  end->get_future().get();
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_AWAIT_H_
