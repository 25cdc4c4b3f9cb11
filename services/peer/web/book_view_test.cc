#include "services/peer/web/book_view.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(BookViewTest, ATypeIsKnownByTheFirstBytes) {
  const struct {
    const char* what;
    std::string bytes;
    const char* name;
    bool is_inline;
  } kCases[] = {
      {"png", std::string("\x89PNG\r\n\x1a\n...", 11), "image/png", true},
      {"jpeg", "\xff\xd8\xff\xe0", "image/jpeg", true},
      {"gif", "GIF89a....", "image/gif", true},
      {"webp", "RIFF....WEBPVP8 ", "image/webp", true},
      {"webp without its frame", "XXXX....WEBPVP8 ", "text/plain; charset=utf-8", true},
      {"wav", "RIFF....WAVEfmt ", "audio/wav", true},
      {"mp4",
       std::string("\0\0\0\x18"
                   "ftypisom",
                   12),
       "video/mp4", true},
      {"m4b",
       std::string("\0\0\0\x18"
                   "ftypM4B ",
                   12),
       "audio/mp4", true},
      {"webm", "\x1a\x45\xdf\xa3", "video/webm", true},
      {"mp3", "ID3\x04", "audio/mpeg", true},
      {"flac", "fLaC", "audio/flac", true},
      {"ogg", "OggS", "audio/ogg", true},
      {"pdf", "%PDF-1.7", "application/pdf", true},
      {"text", "Once upon a time\n", "text/plain; charset=utf-8", true},
      {"text in Greek", "\xce\xb1\xce\xb2", "text/plain; charset=utf-8", true},
      {"text that is cut within a character", "a\xce", "text/plain; charset=utf-8", true},
      {"HTML", "<!doctype html><script>", "application/octet-stream", false},
      {"HTML after blanks", " \r\n\t<html>", "application/octet-stream", false},
      {"HTML after a mark", "\xef\xbb\xbf<html>", "application/octet-stream", false},
      {"SVG", "<svg xmlns='http://www.w3.org/2000/svg'>", "application/octet-stream", false},
      {"XML", "<?xml version='1.0'?>", "application/octet-stream", false},
      {"a program",
       std::string("\x7f"
                   "ELF\x02\x01\x01\0",
                   8),
       "application/octet-stream", false},
      {"UTF-16", std::string("\xff\xfe<\0h\0", 6), "application/octet-stream", false},
      {"Latin-1", "caf\xe9 is closed", "application/octet-stream", false},
      {"nothing", "", "application/octet-stream", false},
  };
  for (const auto& [what, bytes, name, is_inline] : kCases) {
    const MediaType type = MediaTypeOf(bytes);
    EXPECT_EQ(type.name, name) << what;
    EXPECT_EQ(type.is_inline, is_inline) << what;
  }
}

TEST(BookViewTest, OneRangeIsUnderstood) {
  const std::optional<ByteRange> kWhole;
  const struct {
    const char* header;
    uint64_t size;
    std::optional<ByteRange> range;
  } kCases[] = {
      {"bytes=0-0", 10, ByteRange{0, 1}},
      {"bytes=0-", 10, ByteRange{0, 10}},
      {"bytes=3-5", 10, ByteRange{3, 3}},
      {"bytes=3-99", 10, ByteRange{3, 7}},
      {"bytes=9-", 10, ByteRange{9, 1}},
      {"bytes=-3", 10, ByteRange{7, 3}},
      {"bytes=-99", 10, ByteRange{0, 10}},
      {"", 10, kWhole},
      {"bytes=", 10, kWhole},
      {"bytes=-", 10, kWhole},
      {"bytes=5-3", 10, kWhole},
      {"bytes=a-b", 10, kWhole},
      {"bytes=0-1,3-4", 10, kWhole},
      {"items=0-1", 10, kWhole},
      {"bytes=+1-2", 10, kWhole},
      {"bytes=99999999999999999999-", 10, kWhole},
      {"bytes=0-18446744073709551615", 10, ByteRange{0, 10}},
  };
  for (const auto& [header, size, range] : kCases) {
    const auto parsed = ParseRange(header, size);
    const auto* const understood = std::get_if<std::optional<ByteRange>>(&parsed);
    ASSERT_NE(understood, nullptr) << header;
    EXPECT_EQ(*understood, range) << header;
  }
  for (const char* header : {"bytes=10-", "bytes=10-12", "bytes=18446744073709551615-"}) {
    EXPECT_TRUE(std::holds_alternative<NoSuchRange>(ParseRange(header, 10))) << header;
  }
  EXPECT_TRUE(std::holds_alternative<NoSuchRange>(ParseRange("bytes=-0", 10)));
  EXPECT_TRUE(std::holds_alternative<NoSuchRange>(ParseRange("bytes=0-", 0)));
  EXPECT_TRUE(std::holds_alternative<NoSuchRange>(ParseRange("bytes=-1", 0)));
}

}  // namespace
}  // namespace arkshare
