#include "lib/core/leaf_certificate.h"

#include <absl/strings/match.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

using UniqueCertificate = std::unique_ptr<X509, decltype(&X509_free)>;
using UniquePKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using UniqueBio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

PrivateKey SignerOf(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

UniquePKey Ed25519(const PrivateKey& key) {
  return {
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                   reinterpret_cast<const unsigned char*>(key.seed().data()), 32),
      EVP_PKEY_free};
}
UniquePKey Ec(const char* curve) { return {EVP_EC_gen(curve), EVP_PKEY_free}; }

UniqueCertificate Parse(const std::string& pem) {
  const UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all);
  return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

std::string Write(X509* certificate) {
  const UniqueBio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  EXPECT_EQ(PEM_write_bio_X509(bio.get(), certificate), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

// A certificate that another program might make.
struct Forged {
  std::string issuer = SignerOf(1).public_key().hex();
  std::vector<std::string> uris = {"arkshare:" + SignerOf(1).public_key().hex()};
  UniquePKey certified = Ec("prime256v1");
  UniquePKey signer = Ed25519(SignerOf(1));
  int issuer_field = NID_commonName;

  std::string Pem() const {
    const UniqueCertificate certificate(X509_new(), X509_free);
    X509* const x509 = certificate.get();
    X509_set_version(x509, X509_VERSION_3);
    X509_NAME_add_entry_by_NID(X509_get_issuer_name(x509), issuer_field, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(issuer.data()),
                               static_cast<int>(issuer.size()), -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(x509), -10);
    X509_gmtime_adj(X509_getm_notAfter(x509), -5);
    X509_set_pubkey(x509, certified.get());
    std::string names = "DNS:arkshare";
    for (const std::string& uri : uris) names += ",URI:" + uri;
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
    X509_EXTENSION* const extension =
        X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, names.c_str());
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    const EVP_MD* const digest =
        EVP_PKEY_get_base_id(signer.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
    EXPECT_GT(X509_sign(x509, signer.get(), digest), 0);
    return Write(x509);
  }
};

void ExpectRefused(const std::string& pem, const std::string& why) {
  const absl::Status status = ReadLeafCertificate(pem).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << why << ": " << status;
  EXPECT_NE(status.message().find(why), std::string::npos) << status;
  EXPECT_EQ(ERR_peek_error(), 0u) << "gRPC would take it for an error of its connection";
}

TEST(LeafCertificateTest, SaysWhoseItIs) {
  const PrivateKey key = SignerOf(1);
  const LeafCertificate leaf = MakeLeafCertificate(key, {});
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(leaf.certificate);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->key, key.public_key());
  EXPECT_EQ(claims->join, std::nullopt);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(LeafCertificateTest, CarriesTheProofOfAnInvitation) {
  const JoinProof join{std::string(kInvitationIdBytes, '\xab'),
                       std::string(kJoinProofBytes, '\x01')};
  const LeafCertificate leaf = MakeLeafCertificate(SignerOf(1), {{}, join});
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(leaf.certificate);
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->join, join);
}

TEST(LeafCertificateTest, TheKeyOfTlsIsNewEachTimeAndBelongsToIt) {
  const LeafCertificate first = MakeLeafCertificate(SignerOf(1), {});
  const LeafCertificate second = MakeLeafCertificate(SignerOf(1), {});
  EXPECT_NE(first.private_key, second.private_key);
  const UniqueBio bio(
      BIO_new_mem_buf(first.private_key.data(), static_cast<int>(first.private_key.size())),
      BIO_free_all);
  const UniquePKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr),
                       EVP_PKEY_free);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(X509_check_private_key(Parse(first.certificate).get(), key.get()), 1);
  EXPECT_EQ(X509_check_private_key(Parse(second.certificate).get(), key.get()), 0);
  ERR_clear_error();
}

TEST(LeafCertificateTest, OtherTlsProgramsFindTheirHostInIt) {
  const LeafCertificate leaf =
      MakeLeafCertificate(SignerOf(1), {{"192.0.2.7", "2001:db8::7", "ark.example"}, {}});
  const UniqueCertificate certificate = Parse(leaf.certificate);
  for (const char* name : {"arkshare", "localhost", "ark.example"}) {
    EXPECT_EQ(X509_check_host(certificate.get(), name, 0, 0, nullptr), 1) << name;
  }
  for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 1) << address;
  }
  EXPECT_EQ(X509_check_host(certificate.get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_TRUE(ReadLeafCertificate(leaf.certificate).ok());
}

TEST(LeafCertificateTest, OtherTlsProgramsAcceptItByItsAnchorOnly) {
  const UniqueCertificate leaf = Parse(MakeLeafCertificate(SignerOf(1), {}).certificate);
  for (const char anchored : {1, 2}) {
    const UniqueCertificate anchor = Parse(MakeTrustAnchor(SignerOf(anchored).public_key()));
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                        X509_STORE_free);
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
        X509_STORE_CTX_new(), X509_STORE_CTX_free);
    ASSERT_EQ(X509_STORE_add_cert(store.get(), anchor.get()), 1);
    ASSERT_EQ(X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr), 1);
    X509_STORE_CTX_set_default(context.get(), "ssl_server");
    EXPECT_EQ(X509_verify_cert(context.get()), anchored == 1 ? 1 : 0)
        << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
    ERR_clear_error();
  }
}

TEST(LeafCertificateTest, OneThatAnotherProgramMadeByTheRulesIsRead) {
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(Forged().Pem());
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ(claims->key, SignerOf(1).public_key());
}

TEST(LeafCertificateTest, IssuersThatAreNoKeyAreRefused) {
  const std::string hex = SignerOf(1).public_key().hex();
  std::string capitals = hex;
  for (char& c : capitals) c = static_cast<char>(std::toupper(c));
  for (const std::string& issuer : {capitals, hex.substr(1), hex.substr(2), std::string("ark")}) {
    Forged forged;
    forged.issuer = issuer;
    ExpectRefused(forged.Pem(), "no key as its issuer");
  }
  Forged forged;
  forged.issuer_field = NID_organizationName;
  ExpectRefused(forged.Pem(), "no key as its issuer");
}

TEST(LeafCertificateTest, AnotherKeysSignatureIsRefused) {
  Forged forged;
  forged.signer = Ed25519(SignerOf(2));
  ExpectRefused(forged.Pem(), "is not signed by the key that it names");
  forged.signer = Ec("prime256v1");
  ExpectRefused(forged.Pem(), "is not signed by the key that it names");
  Forged other;
  other.issuer = SignerOf(2).public_key().hex();
  ExpectRefused(other.Pem(), "is not signed by the key that it names");
}

TEST(LeafCertificateTest, OtherKindsOfKeysAreRefused) {
  Forged forged;
  forged.certified = Ed25519(SignerOf(1));
  ExpectRefused(forged.Pem(), "is not for a P-256 key");
  forged.certified = Ec("secp384r1");
  ExpectRefused(forged.Pem(), "is not for a P-256 key");
}

TEST(LeafCertificateTest, AUriThatDiffersFromTheIssuerIsRefused) {
  const std::string right = "arkshare:" + SignerOf(1).public_key().hex();
  const std::string wrong = "arkshare:" + SignerOf(2).public_key().hex();
  Forged forged;
  forged.uris = {wrong};
  ExpectRefused(forged.Pem(), "names two keys");
  forged.uris = {right, wrong};
  ExpectRefused(forged.Pem(), "names two keys");
  forged.uris = {right, right};
  ExpectRefused(forged.Pem(), "names two keys");
  forged.uris = {};
  ExpectRefused(forged.Pem(), "does not name its key");
  forged.uris = {"https://arkshare.example"};
  ExpectRefused(forged.Pem(), "does not name its key");
}

TEST(LeafCertificateTest, DamagedProofsAreRefused) {
  const std::string right = "arkshare:" + SignerOf(1).public_key().hex();
  const std::string id(16, 'a');
  const std::string proof(32, '1');
  for (const std::string& join :
       {id, id + ":", id + ":" + proof.substr(2), id.substr(2) + ":" + proof,
        std::string(16, 'A') + ":" + proof, id + ":" + proof + ":", std::string()}) {
    Forged forged;
    forged.uris = {right, "arkshare-join:" + join};
    ExpectRefused(forged.Pem(), "damaged proof");
  }
  Forged forged;
  const std::string join = "arkshare-join:" + id + ":" + proof;
  forged.uris = {right, join, join};
  ExpectRefused(forged.Pem(), "two proofs");
  forged.uris = {right, join};
  EXPECT_TRUE(ReadLeafCertificate(forged.Pem()).ok());
}

TEST(LeafCertificateTest, OnlyOneCertificateIsRead) {
  const std::string one = MakeLeafCertificate(SignerOf(1), {}).certificate;
  ExpectRefused(one + MakeLeafCertificate(SignerOf(2), {}).certificate, "another one behind it");
  ExpectRefused("", "cannot be read");
  ExpectRefused("hello", "cannot be read");
  ExpectRefused(one.substr(0, one.size() / 2), "cannot be read");
}

}  // namespace
}  // namespace arkshare
