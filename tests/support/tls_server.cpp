#include "tests/support/tls_server.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <httplib.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace billhook::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void Extend(X509* certificate, int kind, const char* value) {
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value), &X509_EXTENSION_free);
  X509_add_ext(certificate, extension.get(), -1);
}

Certificate SelfSigned(EVP_PKEY* key) {
  constexpr long kVersion3 = 2;
  constexpr long kHour = 3'600;
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), kVersion3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kHour);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("billhook test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  Extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  Extend(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1");
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

}  // namespace

class TlsServer::Listener {
 public:
  Listener()
      : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free),
        certificate_(SelfSigned(key_.get())),
        server_(certificate_.get(), key_.get()),
        file_(std::filesystem::temp_directory_path() /
              ("billhook-" + std::to_string(getpid()) + "-tls.pem")) {
    std::FILE* file = std::fopen(file_.c_str(), "wb");
    if (file == nullptr || PEM_write_X509(file, certificate_.get()) != 1)
      throw std::runtime_error("cannot write " + file_.string());
    std::fclose(file);
    server_.Get("/.*", [this](const httplib::Request&, httplib::Response& response) {
      ++requests_;
      response.set_content(R"({"object":"list","data":[],"has_more":false})", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Listener() {
    server_.stop();
    thread_.join();
    std::filesystem::remove(file_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Key key_;
  Certificate certificate_;
  httplib::SSLServer server_;
  std::filesystem::path file_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

TlsServer::TlsServer() : listener_(std::make_unique<Listener>()) {}
TlsServer::~TlsServer() = default;

std::string TlsServer::address() const {
  return "https://127.0.0.1:" + std::to_string(listener_->port_);
}

std::string TlsServer::certificate_file() const {
  return listener_->file_.string();
}

int TlsServer::requests() const {
  return listener_->requests_;
}

}  // namespace billhook::test
