#include "services/index/admin/qr_code.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <langinfo.h>
#include <locale.h>
#include <qrencode.h>

#include <cstring>
#include <memory>

namespace arkshare {
namespace {

constexpr int kQuietZone = 4;  // modules, as the standard demands

struct FreeQrCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

}  // namespace

absl::StatusOr<std::string> DrawQrCode(const std::string& text) {
  const std::unique_ptr<QRcode, FreeQrCode> code(
      QRcode_encodeString(text.c_str(), 0, QR_ECLEVEL_M, QR_MODE_8, /*casesensitive=*/1));
  if (code == nullptr) {
    return absl::InvalidArgumentError("this text does not fit into a QR code");
  }
  const auto is_dark = [&](int row, int column) {
    row -= kQuietZone;
    column -= kQuietZone;
    return row >= 0 && row < code->width && column >= 0 && column < code->width &&
           (code->data[row * code->width + column] & 1) != 0;
  };
  const int size = code->width + 2 * kQuietZone;
  std::string drawn;
  for (int row = 0; row < size; row += 2) {
    absl::StrAppend(&drawn, "\x1b[30;107m");
    for (int column = 0; column < size; ++column) {
      const bool upper = is_dark(row, column);
      const bool lower = is_dark(row + 1, column);
      absl::StrAppend(&drawn, upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ");
    }
    absl::StrAppend(&drawn, "\x1b[0m\n");
  }
  return drawn;
}

bool IsUtf8Terminal() {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;
  const bool utf8 = std::strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
  freelocale(locale);
  return utf8;
}

}  // namespace arkshare
