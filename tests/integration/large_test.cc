// A book of 5 GiB: larger than every 32-bit number on its way.
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/rpc/channel.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

TEST(LargeTest, FiveGibibytesAreListedAndFetchedInPart) {
  constexpr uint64_t kSize = (5ull << 30) + 12'345;
  const std::string end = "the end of a large book";
  Cluster cluster;
  // Sparse: it needs no room but where something is written.
  const std::string path = cluster.Books("p") + "/large";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  const bool made = ftruncate(fd, static_cast<off_t>(kSize)) == 0 &&
                    pwrite(fd, end.data(), end.size(), static_cast<off_t>(kSize - end.size())) ==
                        static_cast<ssize_t>(end.size());
  const int error = errno;
  close(fd);
  if (!made) GTEST_SKIP() << "no room for a sparse file of 5 GiB: " << std::strerror(error);

  ASSERT_TRUE(Ok(cluster.Start()));
  // Until it is online and has hashed all of it.
  ASSERT_TRUE(Ok(cluster.StartPeer("p")));
  const auto entry = cluster.Entry("p", "large");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->size_bytes(), kSize);
  EXPECT_EQ(entry->listing().content().size_bytes(), kSize);

  v1::GetManifestRequest manifest_request;
  *manifest_request.mutable_content() = entry->listing().content();
  v1::GetManifestResponse manifest;
  grpc::ClientContext manifest_context;
  SetTimeout(manifest_context, kPatience);
  ASSERT_TRUE(
      cluster.peer("p").files().GetManifest(&manifest_context, manifest_request, &manifest).ok());
  EXPECT_EQ(manifest.piece_length_bytes(), 1u << 20);
  EXPECT_EQ(manifest.piece_hashes().size(), 5121u * 32);

  for (uint64_t from_end : {uint64_t{0}, uint64_t{end.size()}, uint64_t{2'000'000}}) {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::DownloadRequest request;
    *request.mutable_content() = entry->listing().content();
    request.set_read_offset(kSize - from_end);
    auto reader = cluster.peer("p").files().Download(&context, request);
    std::string got;
    v1::DownloadResponse response;
    while (reader->Read(&response)) {
      if (response.has_header()) {
        EXPECT_EQ(response.header().range_length(), from_end);
      }
      if (!response.has_chunk()) continue;
      EXPECT_EQ(response.chunk().offset(), kSize - from_end + got.size());
      got += response.chunk().data();
    }
    EXPECT_TRUE(reader->Finish().ok());
    ASSERT_EQ(got.size(), from_end);
    if (from_end == 0) continue;
    EXPECT_EQ(got.substr(got.size() - end.size()), end);
    EXPECT_EQ(got.find_first_not_of('\0'), from_end - end.size());
  }
}

}  // namespace
}  // namespace arkshare
