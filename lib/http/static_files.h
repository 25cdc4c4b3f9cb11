// The files of a web page, which a program carries in itself.
#ifndef ARKSHARE_LIB_HTTP_STATIC_FILES_H_
#define ARKSHARE_LIB_HTTP_STATIC_FILES_H_

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <string>

#include "lib/http/message.h"

namespace arkshare {

// One file, as the build made it.
struct WebAsset {
  absl::string_view path;  // "store/library.js"
  absl::string_view type;  // its media type
  absl::string_view gzip;  // its bytes, compressed; lives as long as the process
  absl::string_view etag;  // of these bytes, with quotes
};

// Thread-safe.
class StaticFiles {
 public:
  // `start` is the path of the file that "/" means. `folder` is for developers: when it is not
  // empty, files are read from there instead, each time.
  StaticFiles(absl::Span<const WebAsset> assets, std::string start, std::string folder = "")
      : assets_(assets), start_(std::move(start)), folder_(std::move(folder)) {}

  // Answers GET and HEAD of a file; 404 for any other path.
  HttpResponse Get(const HttpRequest& request) const;

 private:
  HttpResponse GetFromFolder(const std::string& path) const;

  const absl::Span<const WebAsset> assets_;
  const std::string start_;
  const std::string folder_;
};

// Returns the media type by the ending of a file's name; "" for an ending that no page has.
absl::string_view PageMediaType(absl::string_view path);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_HTTP_STATIC_FILES_H_
