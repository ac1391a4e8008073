#include "service/http/answer_writer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include <httplib.h>

#include "domain/check.h"
#include "service/http/framing.h"

namespace billhook::http {
namespace {

// What the server itself says about an answer; a handler's word on it would stand twice.
constexpr std::array<std::string_view, 6> kOwnHeaders = {
    "Content-Type", "Content-Length", "Date", "Connection", "Keep-Alive", "Transfer-Encoding"};

bool IsOwnHeader(std::string_view name) {
  return std::any_of(kOwnHeaders.begin(), kOwnHeaders.end(),
                     [name](std::string_view own) { return EqualIgnoringCase(own, name); });
}

// RFC 9110 sections 8.6 and 15.4.5.
bool HasNoBody(int status) {
  return status < 200 || status == 204 || status == 304;
}

class MemoryStream : public httplib::Stream {
 public:
  explicit MemoryStream(std::string_view input) : input_(input) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* ptr, size_t size) override {
    const std::size_t taken = input_.copy(ptr, size);
    input_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* ptr, size_t size) override {
    output_.append(ptr, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string TakeOutput() { return std::move(output_); }

 private:
  std::string_view input_;
  std::string output_;
};

}  // namespace

class AnswerWriter::Exchange : public httplib::Server {
 public:
  Exchange() {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& answer) {
      Fill((*respond_)(), answer);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& answer, const std::exception_ptr&) {
      answer.headers.clear();
      answer.body.clear();
      answer.status = 500;
    });
    set_post_routing_handler(
        [this](const httplib::Request&, httplib::Response& answer) { SetConnection(answer); });
  }

  Answer Run(const std::function<Response()>& respond, const std::function<bool()>& may_keep_alive,
             bool head_only, bool http_1_0) {
    respond_ = &respond;
    may_keep_alive_ = &may_keep_alive;
    http_1_0_ = http_1_0;
    MemoryStream stream(head_only ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n");
    bool closed = false;
    BILLHOOK_CHECK(process_request(stream, false, closed, nullptr));
    return Answer{stream.TakeOutput(), keep_alive_, std::exchange(space_, nullptr)};
  }

 private:
  void Fill(Response response, httplib::Response& answer) {
    space_ = std::move(response.space);
    answer.status = response.status;
    for (const auto& [name, value] : response.headers) {
      if (!IsOwnHeader(name)) answer.set_header(name, value);
    }
    if (HasNoBody(response.status)) return;
    if (!response.content_type.empty()) answer.set_header("Content-Type", response.content_type);
    answer.body = std::move(response.body);
  }

  // httplib's own words on these would be untrue: it neither serves ranges here nor counts requests.
  void SetConnection(httplib::Response& answer) {
    answer.headers.erase("Keep-Alive");
    answer.headers.erase("Accept-Ranges");
    if (HasNoBody(answer.status)) answer.headers.erase("Content-Length");
    keep_alive_ = (*may_keep_alive_)();
    if (!keep_alive_) {
      answer.set_header("Connection", "close");
    } else if (http_1_0_) {
      answer.set_header("Connection", "keep-alive");
    }
  }

  const std::function<Response()>* respond_ = nullptr;
  const std::function<bool()>* may_keep_alive_ = nullptr;
  bool http_1_0_ = false;
  bool keep_alive_ = false;
  std::shared_ptr<const void> space_;
};

AnswerWriter::AnswerWriter() : exchange_(std::make_unique<Exchange>()) {}
AnswerWriter::~AnswerWriter() = default;

Answer AnswerWriter::Write(const std::function<Response()>& respond,
                           const std::function<bool()>& may_keep_alive, bool head_only, bool http_1_0) {
  return exchange_->Run(respond, may_keep_alive, head_only, http_1_0);
}

}  // namespace billhook::http
