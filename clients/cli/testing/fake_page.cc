#include "clients/cli/testing/fake_page.h"

#include <filesystem>

namespace arkshare {

void FakePage::SetPageUrl(const std::string& url) {
  MutexLock lock(&mutex_);
  page_url_ = url;
}

void FakePage::SignInWhenFileAppears(const std::string& path) {
  MutexLock lock(&mutex_);
  sign_in_file_ = path;
}

grpc::Status FakePage::OpenPage(const v1::OpenPageRequest&, v1::OpenPageResponse* response) {
  MutexLock lock(&mutex_);
  response->set_url(page_url_);
  response->set_address("127.0.0.1:8470");
  return grpc::Status::OK;
}

grpc::Status FakePage::ClosePage(const v1::ClosePageRequest&, v1::ClosePageResponse* response) {
  response->set_ended_sessions(2);
  return grpc::Status::OK;
}

grpc::Status FakePage::ListPageSessions(const v1::ListPageSessionsRequest&,
                                        v1::ListPageSessionsResponse* response) {
  MutexLock lock(&mutex_);
  if (!sign_in_file_.empty() && std::filesystem::exists(sign_in_file_)) response->add_sessions();
  return grpc::Status::OK;
}

}  // namespace arkshare
