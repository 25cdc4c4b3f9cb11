#include "lib/core/leaf_certificate.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "lib/core/content_id.h"
#include "lib/core/openssl_check.h"

namespace arkshare {
namespace {

constexpr char kNotBefore[] = "19700101000000Z";
constexpr char kNotAfter[] = "99991231235959Z";
constexpr char kKeyUri[] = "arkshare:";
constexpr char kJoinUri[] = "arkshare-join:";
// A common name has at most 64 characters (RFC 5280, ub-common-name), and that of the subject must
// differ from the issuer's.
constexpr size_t kSubjectDigits = 60;
constexpr int kSerialBytes = 16;

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
void FreeBio(BIO* bio) { BIO_free_all(bio); }
void FreeNames(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }
void FreeText(unsigned char* text) { OPENSSL_free(text); }

using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using PKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO, FreeBio>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES, FreeNames>>;
using Text = std::unique_ptr<unsigned char, Freed<unsigned char, FreeText>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION, X509_EXTENSION_free>>;

// Removes what OpenSSL notes about errors while an object lives. gRPC reads these notes in the same
// thread, and would take them for errors of its connection.
class NoErrorNotes {
 public:
  NoErrorNotes() { ERR_set_mark(); }
  ~NoErrorNotes() { ERR_pop_to_mark(); }
  NoErrorNotes(const NoErrorNotes&) = delete;
  NoErrorNotes& operator=(const NoErrorNotes&) = delete;
};

std::string TakeText(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

void SetCommonName(X509_NAME* name, const std::string& text) {
  RequireOpenSsl(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                            reinterpret_cast<const unsigned char*>(text.data()),
                                            static_cast<int>(text.size()), -1, 0) == 1);
}

void AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  RequireOpenSsl(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void AddName(GENERAL_NAMES* names, int type, const std::string& text) {
  ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
  GENERAL_NAME* const name = GENERAL_NAME_new();
  RequireOpenSsl(value != nullptr && name != nullptr &&
                 ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1);
  GENERAL_NAME_set0_value(name, type, value);
  RequireOpenSsl(sk_GENERAL_NAME_push(names, name) > 0);
}

void AddHost(GENERAL_NAMES* names, const std::string& host) {
  const NoErrorNotes no_notes;
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  if (address == nullptr) return AddName(names, GEN_DNS, host);
  GENERAL_NAME* const name = GENERAL_NAME_new();
  RequireOpenSsl(name != nullptr);
  GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  RequireOpenSsl(sk_GENERAL_NAME_push(names, name) > 0);
}

void AddSubjectAltNames(X509* certificate, const PublicKey& key, const LeafOptions& options) {
  const Names names(GENERAL_NAMES_new());
  RequireOpenSsl(names != nullptr);
  AddName(names.get(), GEN_DNS, "arkshare");
  AddName(names.get(), GEN_DNS, "localhost");
  for (const std::string& host : options.hosts) AddHost(names.get(), host);
  AddName(names.get(), GEN_URI, absl::StrCat(kKeyUri, key.hex()));
  if (options.join.has_value()) {
    AddName(names.get(), GEN_URI,
            absl::StrCat(kJoinUri, ToHex(options.join->invitation_id), ":",
                         ToHex(options.join->proof)));
  }
  RequireOpenSsl(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0,
                                   X509V3_ADD_DEFAULT) == 1);
}

// Makes what all our certificates have in common; the caller adds extensions and signs.
Certificate NewCertificate(const std::string& subject, const std::string& issuer,
                           EVP_PKEY* certified) {
  Certificate certificate(X509_new());
  RequireOpenSsl(certificate != nullptr);
  X509* const x509 = certificate.get();
  std::string serial = RandomBytes(kSerialBytes);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);  // positive, and never shorter
  const std::unique_ptr<BIGNUM, Freed<BIGNUM, BN_free>> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), kSerialBytes, nullptr));
  RequireOpenSsl(number != nullptr &&
                 BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x509)) != nullptr);
  RequireOpenSsl(X509_set_version(x509, X509_VERSION_3) == 1);
  SetCommonName(X509_get_subject_name(x509), subject);
  SetCommonName(X509_get_issuer_name(x509), issuer);
  RequireOpenSsl(ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), kNotBefore) == 1);
  RequireOpenSsl(ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), kNotAfter) == 1);
  RequireOpenSsl(X509_set_pubkey(x509, certified) == 1);
  return certificate;
}

void Sign(X509* certificate, const PrivateKey& key) {
  const std::string seed = key.seed();
  const PKey signer(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()), seed.size()));
  RequireOpenSsl(signer != nullptr && X509_sign(certificate, signer.get(), nullptr) > 0);
}

std::string ToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  RequireOpenSsl(bio != nullptr && PEM_write_bio_X509(bio.get(), certificate) == 1);
  return TakeText(bio);
}

PKey EvpKey(const PublicKey& key) {
  const std::string bytes = key.bytes();
  return PKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                          reinterpret_cast<const unsigned char*>(bytes.data()),
                                          bytes.size()));
}

absl::Status Refused(absl::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat("the certificate ", why));
}

// Returns the bytes of `hex`; "" unless it has exactly 2 * `size` lower-case digits, so that each
// value has one spelling.
std::string LowerHex(absl::string_view hex, size_t size) {
  const bool lower = std::none_of(hex.begin(), hex.end(), absl::ascii_isupper);
  absl::StatusOr<std::string> bytes = FromHex(hex);
  return lower && bytes.ok() && bytes->size() == size ? *std::move(bytes) : "";
}

absl::StatusOr<Certificate> ParseOne(absl::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  RequireOpenSsl(bio != nullptr);
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Refused("cannot be read");
  const Certificate second(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (second != nullptr) return Refused("has another one behind it");
  return certificate;
}

absl::StatusOr<PublicKey> IssuerKey(const X509* certificate) {
  const X509_NAME* const issuer = X509_get_issuer_name(certificate);
  if (X509_NAME_entry_count(issuer) != 1) return Refused("has no key as its issuer");
  const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(issuer, 0);
  unsigned char* raw = nullptr;
  const int size = ASN1_STRING_to_UTF8(&raw, X509_NAME_ENTRY_get_data(entry));
  const Text text(raw);
  if (size < 0 || OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) {
    return Refused("has no key as its issuer");
  }
  const std::string bytes =
      LowerHex({reinterpret_cast<const char*>(text.get()), static_cast<size_t>(size)}, 32);
  absl::StatusOr<PublicKey> key = PublicKey::FromBytes(bytes);
  if (!key.ok()) return Refused("has no key as its issuer");
  return key;
}

// Returns the URIs in the alternative names.
std::vector<std::string> Uris(const X509* certificate) {
  std::vector<std::string> uris;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* const value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_URI) continue;
    const auto* const text = static_cast<const ASN1_IA5STRING*>(value);
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

absl::StatusOr<JoinProof> ParseJoinUri(absl::string_view rest) {
  const size_t colon = rest.find(':');
  if (colon == absl::string_view::npos) return Refused("has a damaged proof of an invitation");
  JoinProof join{LowerHex(rest.substr(0, colon), kInvitationIdBytes),
                 LowerHex(rest.substr(colon + 1), kJoinProofBytes)};
  if (join.invitation_id.empty() || join.proof.empty()) {
    return Refused("has a damaged proof of an invitation");
  }
  return join;
}

bool IsP256(const EVP_PKEY* key) {
  char group[32];
  size_t size = 0;
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
         absl::string_view(group, size) == SN_X9_62_prime256v1;
}

}  // namespace

LeafCertificate MakeLeafCertificate(const PrivateKey& key, const LeafOptions& options) {
  const PKey certified(EVP_EC_gen(SN_X9_62_prime256v1));
  RequireOpenSsl(certified != nullptr);
  const std::string hex = key.public_key().hex();
  const Certificate certificate =
      NewCertificate(absl::StrCat("m-", hex.substr(0, kSubjectDigits)), hex, certified.get());
  AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  AddSubjectAltNames(certificate.get(), key.public_key(), options);
  Sign(certificate.get(), key);

  const Bio private_key(BIO_new(BIO_s_secmem()));
  RequireOpenSsl(private_key != nullptr &&
                 PEM_write_bio_PKCS8PrivateKey(private_key.get(), certified.get(), nullptr, nullptr,
                                               0, nullptr, nullptr) == 1);
  return {ToPem(certificate.get()), TakeText(private_key)};
}

absl::StatusOr<LeafClaims> ReadLeafCertificate(absl::string_view pem) {
  const NoErrorNotes no_notes;
  absl::StatusOr<Certificate> certificate = ParseOne(pem);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<PublicKey> key = IssuerKey(certificate->get());
  if (!key.ok()) return key.status();
  if (!IsP256(X509_get0_pubkey(certificate->get()))) return Refused("is not for a P-256 key");
  const PKey signer = EvpKey(*key);
  if (signer == nullptr || X509_get_signature_nid(certificate->get()) != NID_ED25519 ||
      X509_verify(certificate->get(), signer.get()) != 1) {
    return Refused("is not signed by the key that it names");
  }
  LeafClaims claims{*key, std::nullopt};
  bool named = false;
  for (const std::string& uri : Uris(certificate->get())) {
    absl::string_view rest = uri;
    if (absl::ConsumePrefix(&rest, kKeyUri)) {
      if (named || rest != key->hex()) return Refused("names two keys");
      named = true;
    } else if (absl::ConsumePrefix(&rest, kJoinUri)) {
      absl::StatusOr<JoinProof> join = ParseJoinUri(rest);
      if (!join.ok()) return join.status();
      if (claims.join.has_value()) return Refused("has two proofs of an invitation");
      claims.join = *std::move(join);
    }
  }
  if (!named) return Refused("does not name its key");
  return claims;
}

std::string MakeTrustAnchor(const PublicKey& key) {
  const PKey certified = EvpKey(key);
  RequireOpenSsl(certified != nullptr);
  const Certificate certificate = NewCertificate(key.hex(), key.hex(), certified.get());
  AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate.get(), NID_key_usage, "critical,keyCertSign");
  // Any signature will do, and only this one can be made here.
  Sign(certificate.get(), PrivateKey::Generate());
  return ToPem(certificate.get());
}

}  // namespace arkshare
