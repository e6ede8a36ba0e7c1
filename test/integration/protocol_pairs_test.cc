// Resets and ends at each moment of an exchange, for the four pairs of protocols.

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

// How far an exchange goes before somebody ends it. What is sent in two halves is "part" and
// "rest".
enum class Moment {
  kRequestHead,
  kRequestBody,
  kRequestEnd,
  kResponseHead,
  kResponseBody,
};

constexpr Moment kMoments[] = {Moment::kRequestHead, Moment::kRequestBody, Moment::kRequestEnd,
                               Moment::kResponseHead, Moment::kResponseBody};

// A proxy between one client and one upstream, both in the test's hands.
class PairedExchange {
 public:
  PairedExchange(bool client2, bool upstream2)
      : client2_(client2), upstream2_(upstream2), up_(proxy_.Upstream("up")) {
    if (upstream2) proxy_.Cluster("up").protocol = upstream::Protocol::kHttp2;
    proxy_.Route("/", "up");
    proxy_.Start();
  }

  Harness& proxy() { return proxy_; }

  void RunTo(Moment last) {
    ConnectClient();
    SendRequestHead();
    AcceptRequestHead();
    if (last >= Moment::kRequestBody) {
      SendRequest("part", false);
      AwaitRequest("part");
    }
    if (last >= Moment::kRequestEnd) {
      SendRequest("rest", true);
      AwaitRequest("rest");
    }
    if (last >= Moment::kResponseHead) {
      SendResponse(upstream2_
                       ? wire::Headers(1, {{":status", "200"}, {"content-length", "8"}}, false)
                       : "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n");
      AwaitResponse(client2_ ? "HEADERS(1" : "\r\n\r\n");
    }
    if (last >= Moment::kResponseBody) {
      SendResponse(upstream2_ ? wire::Data(1, "part") : "part");
      AwaitResponse(client2_ ? "DATA(1,part" : "part");
    }
  }

  void ResetByClient() {
    if (client2_) {
      framed_client_->Send(wire::RstStream(1, 8));
    } else {
      client_->Reset();  // a FIN alone ends the request only
    }
  }

  void ResetByUpstream() {
    if (upstream2_) {
      framed_origin_->Send(wire::RstStream(1, 2));
    } else {
      origin_->Close();
    }
  }

  // The upstream hears of it.
  void ExpectUpstreamTold() {
    if (upstream2_) {
      CHECK(framed_origin_->Await("RST_STREAM") == "RST_STREAM(1,8)");
    } else {
      origin_->ReceiveAll();
    }
  }

  void ExpectClientTold(Moment last) {
    if (last >= Moment::kResponseHead) {
      if (client2_) {
        CHECK(framed_client_->Await("RST_STREAM") == "RST_STREAM(1,2)");
      } else {
        client_->ReceiveAll();
      }
    } else if (client2_) {
      CHECK(framed_client_->Receive(1).head.find(":status=503") != std::string::npos);
    } else {
      CHECK(client_->ReceiveResponse().status == 503);
    }
  }

 private:
  void ConnectClient() {
    if (client2_) {
      framed_client_.emplace(Connect(proxy_.Address()));
      framed_client_->Begin();
    } else {
      client_.emplace(Connect(proxy_.Address()));
    }
  }

  void SendRequestHead() {
    if (client2_) {
      framed_client_->Send(wire::Headers(1, wire::Post(), false));
    } else {
      client_->Send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\n");
    }
  }

  void AcceptRequestHead() {
    if (upstream2_) {
      framed_origin_.emplace(up_.Accept());
      framed_origin_->Accept();
      framed_origin_->Await("HEADERS(1");
    } else {
      origin_.emplace(up_.Accept());
      origin_->ReceiveUntil("\r\n\r\n");
    }
  }

  void SendRequest(std::string_view bytes, bool ends) {
    if (client2_) {
      framed_client_->Send(wire::Data(1, bytes, ends));
    } else {
      client_->Send(bytes);
    }
  }

  void AwaitRequest(const std::string& text) {
    if (upstream2_) {
      const std::string word = framed_origin_->Await("DATA(1");
      CHECK(word.find(text) != std::string::npos);
    } else {
      origin_->ReceiveUntil(text);
    }
  }

  void SendResponse(const std::string& bytes) {
    if (upstream2_) {
      framed_origin_->Send(bytes);
    } else {
      origin_->Send(bytes);
    }
  }

  void AwaitResponse(const std::string& begin) {
    if (client2_) {
      framed_client_->Await(begin);
    } else {
      client_->ReceiveUntil(begin);
    }
  }

  const bool client2_;
  const bool upstream2_;
  Harness proxy_;
  ScriptedUpstream up_;
  std::optional<Wire> client_;
  std::optional<FrameWire> framed_client_;
  std::optional<Wire> origin_;
  std::optional<FrameWire> framed_origin_;
};

// What an exchange holds is given back.
void ExpectNothingLeft(Harness& h) {
  h.AwaitStat("cluster.up.upstream_rq_active", 0);
  h.AwaitStat("http.ingress.downstream_rq_active", 0);
}

template <class Check>
void ForEachPair(const Check& check) {
  for (const bool client2 : {false, true}) {
    for (const bool upstream2 : {false, true}) {
      for (const Moment moment : kMoments) {
        INFO((client2 ? 2 : 1) << " -> " << (upstream2 ? 2 : 1) << " at "
                               << static_cast<int>(moment));
        check(client2, upstream2, moment);
      }
    }
  }
}

TEST_CASE("A client that ends an exchange at any moment ends it upstream") {
  ForEachPair([](bool client2, bool upstream2, Moment moment) {
    PairedExchange exchange(client2, upstream2);
    exchange.RunTo(moment);
    exchange.ResetByClient();
    exchange.ExpectUpstreamTold();
    ExpectNothingLeft(exchange.proxy());
    CHECK(exchange.proxy().NextExchange().flags == (client2 ? "DR" : "DC"));
    CHECK(exchange.proxy().Stat("http.ingress.downstream_rq_rx_reset") == 1);
  });
}

TEST_CASE("An upstream that ends an exchange at any moment ends it for the client") {
  ForEachPair([](bool client2, bool upstream2, Moment moment) {
    PairedExchange exchange(client2, upstream2);
    exchange.RunTo(moment);
    exchange.ResetByUpstream();
    exchange.ExpectClientTold(moment);
    ExpectNothingLeft(exchange.proxy());
    CHECK(exchange.proxy().NextExchange().flags == (upstream2 ? "UR" : "UC"));
  });
}

}  // namespace
}  // namespace remora::harness
