package emulator

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
)

// The platform's own example.
const (
	exampleEncrypt = "D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg=="
	exampleSign    = "6c12a4205838198b8fa631b3220723bb07f1015c"
)

var exampleCallback = Callback{Token: "AAAAA", AESKey: strings.Repeat("A", 43), AppID: "wx134c8103faa5a59e"}

func TestTicketVector(t *testing.T) {
	push, err := exampleCallback.open(exampleEncrypt)
	if err != nil {
		t.Fatal(err)
	}
	if push.Random != "1205899eaf019bbd" || len(push.Message) != 292 || push.AppID != exampleCallback.AppID {
		t.Errorf("random %q, %d bytes, appid %q", push.Random, len(push.Message), push.AppID)
	}
	push.Timestamp, push.Nonce = "1715943329", "1590219412"
	query, body, err := exampleCallback.Seal(push)
	if err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(query)
	if err != nil || values.Get("msg_signature") != exampleSign || values.Get("encrypt_type") != "aes" {
		t.Errorf("query %s, %v", query, err)
	}
	var outer struct{ AppId, ToUserName, Encrypt string }
	if err := xml.Unmarshal(body, &outer); err != nil || outer.Encrypt != exampleEncrypt || outer.AppId != exampleCallback.AppID {
		t.Errorf("%v, %s", err, body)
	}
	push.ToUserName = true
	if _, body, _ = exampleCallback.Seal(push); !strings.Contains(string(body), "<ToUserName>") {
		t.Errorf("no ToUserName in %s", body)
	}
}

func TestSealRefuses(t *testing.T) {
	if _, _, err := (Callback{AESKey: "short"}).Seal(Push{Random: strings.Repeat("r", 16)}); err == nil {
		t.Error("a short key is taken")
	}
	if _, _, err := exampleCallback.Seal(Push{Random: "r"}); err == nil {
		t.Error("one random byte is taken")
	}
}

// TestTicketPush has a push of a new ticket opened, and buys a token with it.
func TestTicketPush(t *testing.T) {
	e, server, _ := begin(t, Options{WeChat: WeChatOptions{AppID: "wx134c8103faa5a59e", AppSecret: "secret", Callback: exampleCallback}})
	query, body, err := e.TicketPush()
	if err != nil {
		t.Fatal(err)
	}
	var outer struct{ Encrypt string }
	var inner struct{ AppId, InfoType, ComponentVerifyTicket string }
	if err := xml.Unmarshal(body, &outer); err != nil {
		t.Error(err)
	}
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("msg_signature") != exampleCallback.Sign(q.Get("timestamp"), q.Get("nonce"), outer.Encrypt) {
		t.Error("wrong signature", err)
	}
	push, err := exampleCallback.open(outer.Encrypt)
	if err != nil || xml.Unmarshal([]byte(push.Message), &inner) != nil || inner.InfoType != "component_verify_ticket" {
		t.Errorf("%v: %s", err, push.Message)
	}
	buy(t, server, "wx134c8103faa5a59e", "secret", inner.ComponentVerifyTicket)
}
