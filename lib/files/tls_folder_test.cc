#include "lib/files/tls_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace arkshare {
namespace {

class TlsFolderTest : public testing::Test {
 protected:
  TlsFolderTest() {
    std::string folder = testing::TempDir() + "/tls_folder_XXXXXX";
    top_ = mkdtemp(folder.data());
    folder_ = top_ + "/files";
  }
  ~TlsFolderTest() override { std::filesystem::remove_all(top_); }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  const PrivateKey key_ = PrivateKey::Generate();
  const PublicKey own_ = key_.public_key();
  const LeafCertificate leaf_ = MakeLeafCertificate(key_, {});
  std::string top_;
  std::string folder_;
};

TEST_F(TlsFolderTest, WritesThreeFilesAndOnlyTheOwnerReadsTheKey) {
  ASSERT_TRUE(WriteTlsFolder(folder_, leaf_, "anchors", nullptr).ok());
  EXPECT_EQ(Read(CertificateFileIn(folder_)), leaf_.certificate);
  EXPECT_EQ(Read(PrivateKeyFileIn(folder_)), leaf_.private_key);
  EXPECT_EQ(Read(AuthoritiesFileIn(folder_)), "anchors");
  struct stat stat {};
  ASSERT_EQ(lstat(PrivateKeyFileIn(folder_).c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600u);
}

TEST_F(TlsFolderTest, ReplacesFilesOfTheSameKeyOnly) {
  ASSERT_TRUE(WriteTlsFolder(folder_, leaf_, "old", &own_).ok());
  EXPECT_TRUE(WriteTlsFolder(folder_, leaf_, "new", &own_).ok());
  EXPECT_EQ(Read(AuthoritiesFileIn(folder_)), "new");

  const PublicKey other = PrivateKey::Generate().public_key();
  EXPECT_EQ(WriteTlsFolder(folder_, leaf_, "x", &other).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WriteTlsFolder(folder_, leaf_, "x", nullptr).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Read(AuthoritiesFileIn(folder_)), "new");
}

TEST_F(TlsFolderTest, AFolderWithAnUnknownKeyIsLeftAsItIs) {
  std::filesystem::create_directory(folder_);
  std::ofstream(PrivateKeyFileIn(folder_)) << "of another program";
  EXPECT_EQ(WriteTlsFolder(folder_, leaf_, "x", &own_).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Read(PrivateKeyFileIn(folder_)), "of another program");
  EXPECT_FALSE(std::filesystem::exists(CertificateFileIn(folder_)));
}

TEST_F(TlsFolderTest, AFailedWriteLeavesNothing) {
  std::filesystem::create_directory(folder_);
  // A folder is in the way of the last file.
  std::filesystem::create_directories(AuthoritiesFileIn(folder_) + ".new/in the way");
  EXPECT_EQ(WriteTlsFolder(folder_, leaf_, "x", nullptr).code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(std::filesystem::exists(CertificateFileIn(folder_)));
  EXPECT_FALSE(std::filesystem::exists(PrivateKeyFileIn(folder_)));
}

}  // namespace
}  // namespace arkshare
