#include "lib/rpc/certificates.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>

#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using StorePtr = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>;

void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using ChainPtr = std::unique_ptr<STACK_OF(X509), decltype(&FreeChain)>;

absl::StatusOr<std::string> ReadPem(const std::string& path, absl::string_view option) {
  if (path.empty()) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("TLS needs --tls-cert, --tls-key and --tls-ca together; ", option,
                                  " is missing"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return MakeError(
        Reason::kInvalidField,
        absl::StrCat("cannot read ", option, " ", path, ": ",
                     errno != 0 ? std::strerror(errno) : "it is empty or not a regular file"));
  }
  return text.str();
}

BioPtr BioOf(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
}

CertPtr NextCertificate(BIO* bio) {
  return CertPtr(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free);
}

CertPtr ParseCertificate(const std::string& pem) { return NextCertificate(BioOf(pem).get()); }

std::string TimeInWords(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown date";
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromTM(parts, absl::UTCTimeZone()),
                          absl::UTCTimeZone());
}

}  // namespace

absl::Status CheckTlsFiles(const TlsOptions& tls) {
  absl::StatusOr<std::string> cert = ReadPem(tls.cert_file, "--tls-cert");
  if (!cert.ok()) return cert.status();
  absl::StatusOr<std::string> key = ReadPem(tls.key_file, "--tls-key");
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> ca = ReadPem(tls.ca_file, "--tls-ca");
  if (!ca.ok()) return ca.status();

  const CertPtr parsed_cert = ParseCertificate(*cert);
  const CertPtr parsed_ca = ParseCertificate(*ca);
  // Gives an empty passphrase, because OpenSSL would ask for that of an encrypted key on the
  // terminal.
  const BioPtr bio = BioOf(*key);
  static char no_passphrase[] = "";
  const PrivateKeyPtr parsed_key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_passphrase), &EVP_PKEY_free);
  absl::string_view trouble;
  std::string path;
  if (parsed_cert == nullptr) {
    trouble = "is not a PEM certificate";
    path = tls.cert_file;
  } else if (parsed_key == nullptr) {
    trouble = "is not a PEM private key without a passphrase";
    path = tls.key_file;
  } else if (parsed_ca == nullptr) {
    trouble = "is not a PEM certificate";
    path = tls.ca_file;
  } else if (X509_check_private_key(parsed_cert.get(), parsed_key.get()) != 1) {
    trouble = "is not the private key of the certificate given with --tls-cert";
    path = tls.key_file;
  }
  ERR_clear_error();
  if (trouble.empty()) return absl::OkStatus();
  return MakeError(Reason::kInvalidField, absl::StrCat(path, " ", trouble));
}

std::string OwnCertificateTrouble(const TlsOptions& tls, absl::Time now) {
  if (!tls.enabled()) return "";
  const absl::StatusOr<std::string> pem = ReadPem(tls.cert_file, "--tls-cert");
  if (!pem.ok()) return std::string(pem.status().message());
  // The programs of a group look at its key, and at no CA.
  if (ReadLeafCertificate(*pem).ok()) return "";
  const BioPtr bio = BioOf(*pem);
  const CertPtr leaf = NextCertificate(bio.get());
  if (leaf == nullptr) return absl::StrCat(tls.cert_file, " is not a PEM certificate");
  const ChainPtr intermediates(sk_X509_new_null(), &FreeChain);
  while (CertPtr next = NextCertificate(bio.get())) {
    sk_X509_push(intermediates.get(), next.release());
  }
  const StorePtr store(X509_STORE_new(), &X509_STORE_free);
  // As in gRPC, a certificate of --tls-ca is trusted also when it is not self-signed.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  X509_STORE_load_file(store.get(), tls.ca_file.c_str());
  const StoreContextPtr context(X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), intermediates.get());
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  std::string trouble;
  if (X509_verify_cert(context.get()) != 1) {
    const bool own = X509_STORE_CTX_get_error_depth(context.get()) == 0;
    trouble = absl::StrCat(own ? "the certificate of --tls-cert " : "the CA of the certificate ",
                           tls.cert_file, " ",
                           CertificateErrorInWords(X509_STORE_CTX_get_error(context.get()),
                                                   X509_STORE_CTX_get_current_cert(context.get())));
  }
  ERR_clear_error();
  return trouble;
}

std::string CertificateErrorInWords(int error, const X509* certificate) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      if (certificate == nullptr) return "has expired; renew it";
      return absl::StrCat("has expired on ", TimeInWords(X509_get0_notAfter(certificate)),
                          "; renew it");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      if (certificate == nullptr) return "is not valid yet; compare the clocks";
      return absl::StrCat("is not valid before ", TimeInWords(X509_get0_notBefore(certificate)),
                          "; wait, or correct this machine's clock");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "is not from the CA of --tls-ca; give both programs certificates of one CA";
    default:
      return absl::StrCat("is refused: ", X509_verify_cert_error_string(error));
  }
}

}  // namespace arkshare
