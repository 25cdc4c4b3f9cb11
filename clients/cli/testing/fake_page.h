// The web page of a fake peer.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PAGE_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PAGE_H_

#include <string>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class FakePage {
 public:
  // Sets the address that OpenPage returns.
  void SetPageUrl(const std::string& url);
  // From the moment at which this file exists, a browser is signed in at the page.
  void SignInWhenFileAppears(const std::string& path);

  grpc::Status OpenPage(const v1::OpenPageRequest&, v1::OpenPageResponse* response);
  grpc::Status ClosePage(const v1::ClosePageRequest&, v1::ClosePageResponse* response);
  grpc::Status ListPageSessions(const v1::ListPageSessionsRequest&,
                                v1::ListPageSessionsResponse* response);

 private:
  Mutex mutex_;
  std::string page_url_ ABSL_GUARDED_BY(mutex_) = "http://127.0.0.1:8470/#/open=CODE";
  std::string sign_in_file_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PAGE_H_
