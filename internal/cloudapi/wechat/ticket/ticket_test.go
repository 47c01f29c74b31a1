package ticket_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"migwatch/internal/cloudapi/wechat/ticket"
	"migwatch/internal/secret"
)

// The official vector.
const (
	vecToken     = "AAAAA"
	vecAppID     = "wx134c8103faa5a59e"
	vecTimestamp = "1715943329"
	vecNonce     = "1590219412"
	vecSignature = "6c12a4205838198b8fa631b3220723bb07f1015c"
	vecEncrypt   = "D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg=="
)

var (
	vecKey = secret.New(strings.Repeat("A", 43))
	vecNow = time.Unix(1715943329, 0)
	other  = secret.New(strings.Repeat("B", 43))
)

func receiver(t testing.TB, token string, appID string, keys ...secret.Text) *ticket.Receiver {
	t.Helper()
	r, err := ticket.New(secret.New(token), keys, appID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func query(timestamp, nonce, signature string) url.Values {
	return url.Values{"timestamp": {timestamp}, "nonce": {nonce}, "encrypt_type": {"aes"}, "msg_signature": {signature}, "signature": {"old"}}
}

func envelope(name, value, encrypt string) []byte {
	return []byte("<xml><" + name + "><![CDATA[" + value + "]]></" + name + "><Encrypt><![CDATA[" + encrypt + "]]></Encrypt></xml>")
}

// sign and seal are the other side, written apart from the receiver.
func sign(token, timestamp, nonce, encrypt string) string {
	parts := []string{token, timestamp, nonce, encrypt}
	sort.Strings(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

func seal(key secret.Text, plain []byte) string {
	raw, err := base64.StdEncoding.DecodeString(key.Reveal() + "=")
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, raw[:16]).CryptBlocks(out, plain)
	return base64.StdEncoding.EncodeToString(out)
}

func pad(b []byte) []byte {
	n := 32 - len(b)%32
	return append(b, []byte(strings.Repeat(string(rune(n)), n))...)
}

func plaintext(message, appID string) []byte {
	b := append([]byte("0123456789abcdef"), binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	return append(append(b, message...), appID...)
}

// push is a whole authentic push of message.
func push(key secret.Text, message, appID string) (url.Values, []byte) {
	encrypt := seal(key, pad(plaintext(message, appID)))
	return query(vecTimestamp, vecNonce, sign(vecToken, vecTimestamp, vecNonce, encrypt)), envelope("AppId", appID, encrypt)
}

const message = "<xml><AppId>" + vecAppID + "</AppId><CreateTime>1715943320</CreateTime><InfoType>component_verify_ticket</InfoType>" +
	"<ComponentVerifyTicket><![CDATA[ticket@@@CANARY]]></ComponentVerifyTicket></xml>"

func TestTheOfficialVector(t *testing.T) {
	for _, name := range []string{"AppId", "ToUserName"} {
		for _, keys := range [][]secret.Text{{vecKey}, {other, vecKey}} {
			p, err := receiver(t, vecToken, vecAppID, keys...).Open(query(vecTimestamp, vecNonce, vecSignature), envelope(name, vecAppID, vecEncrypt), vecNow)
			if err != nil {
				t.Fatalf("%v (%s)", err, reason(err))
			}
			// What it holds is a message to an account, which is no notice to a platform.
			if p.InfoType != "" || !p.Ticket.IsZero() || !p.CreatedAt.Equal(vecNow) {
				t.Errorf("%q %v", p.InfoType, p.CreatedAt)
			}
		}
	}
}

func reason(err error) string {
	var r *ticket.RefusedError
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

func TestAPush(t *testing.T) {
	q, body := push(vecKey, message, vecAppID)
	p, err := receiver(t, vecToken, vecAppID, vecKey).Open(q, body, vecNow)
	if err != nil || p.Ticket.Reveal() != "ticket@@@CANARY" || !p.CreatedAt.Equal(time.Unix(1715943320, 0)) {
		t.Errorf("%v, %v", p, err)
	}
	if s := fmt.Sprintf("%v %+v %#v", p, p, p); strings.Contains(s, "CANARY") {
		t.Errorf("a push shows its ticket: %s", s)
	}
	for word, want := range map[string]string{"authorized": "authorized", "": "", strings.Repeat("x", 65): "", "a b": ""} {
		q, body = push(vecKey, "<xml><AppId>x</AppId><InfoType>"+word+"</InfoType><Info><Deep>1</Deep><Deep>2</Deep></Info></xml>", vecAppID)
		if p, err := receiver(t, vecToken, vecAppID, vecKey).Open(q, body, vecNow); err != nil || p.InfoType != want || !p.Ticket.IsZero() {
			t.Errorf("InfoType %q: %v, %v", word, p, err)
		}
	}
}

func TestEveryRefusalLooksTheSame(t *testing.T) {
	good := receiver(t, vecToken, vecAppID, vecKey)
	q, body := push(vecKey, message, vecAppID)
	with := func(name string, values ...string) url.Values {
		c := url.Values{}
		for k, v := range q {
			c[k] = v
		}
		c[name] = values
		return c
	}
	raw := func(plain []byte) (url.Values, []byte) {
		encrypt := seal(vecKey, plain)
		return query(vecTimestamp, vecNonce, sign(vecToken, vecTimestamp, vecNonce, encrypt)), envelope("AppId", vecAppID, encrypt)
	}
	signedText := func(encrypt string) (url.Values, []byte) {
		return query(vecTimestamp, vecNonce, sign(vecToken, vecTimestamp, vecNonce, encrypt)), envelope("AppId", vecAppID, encrypt)
	}
	refuse := func(name string, r *ticket.Receiver, q url.Values, body []byte, now time.Time) {
		t.Helper()
		_, err := r.Open(q, body, now)
		if err == nil || err.Error() != "the push is refused" || reason(err) == "" || strings.Contains(reason(err), "CANARY") {
			t.Errorf("%s: %v (%s)", name, err, reason(err))
		}
	}
	for _, name := range []string{"timestamp", "nonce", "msg_signature"} {
		refuse("no "+name, good, with(name), body, vecNow)
		refuse("two of "+name, good, with(name, q.Get(name), q.Get(name)), body, vecNow)
		refuse("long "+name, good, with(name, strings.Repeat("1", 200)), body, vecNow)
		refuse("other "+name, good, with(name, "1"), body, vecNow)
	}
	refuse("plain", good, with("encrypt_type", "raw"), body, vecNow)
	refuse("upper-case signature", good, with("msg_signature", strings.ToUpper(q.Get("msg_signature"))), body, vecNow)
	refuse("other token", receiver(t, "BBBBB", vecAppID, vecKey), q, body, vecNow)
	refuse("other appid", receiver(t, vecToken, "wx000", vecKey), q, body, vecNow)
	refuse("other key", receiver(t, vecToken, vecAppID, other), q, body, vecNow)
	refuse("too old", good, q, body, vecNow.Add(10*time.Minute+time.Second))
	refuse("too new", good, q, body, vecNow.Add(-10*time.Minute-time.Second))
	if _, err := good.Open(q, body, vecNow.Add(10*time.Minute)); err != nil {
		t.Errorf("ten minutes old: %s", reason(err))
	}
	refuse("too large", good, q, append(body, strings.Repeat(" ", ticket.BodyLimit)...), vecNow)
	encrypt := seal(vecKey, pad(plaintext(message, vecAppID)))
	for _, s := range []string{
		"", "x", "<xml>", "<xml></xml>", "<xml><Encrypt></Encrypt></xml>", "<other><Encrypt>" + encrypt + "</Encrypt></other>",
		"<xml><Encrypt>" + encrypt + "</Encrypt></xml>x", "<xml><Encrypt>" + encrypt + "</Encrypt></xml><xml/>",
		"<!DOCTYPE xml [<!ENTITY e \"" + encrypt + "\">]><xml><Encrypt>&e;</Encrypt></xml>", "<xml><Encrypt>" + encrypt + "</Encrypt><Encrypt>x</Encrypt></xml>",
		"<xml><Encrypt a=\"b\">" + encrypt + "</Encrypt></xml>", "<xml><!-- c --><Encrypt>" + encrypt + "</Encrypt></xml>", "<xml><?php x?><Encrypt>" + encrypt + "</Encrypt></xml>",
		"<xml><Encrypt><b>" + encrypt + "</b></Encrypt></xml>", "<xml>x<Encrypt>" + encrypt + "</Encrypt></xml>", `<?xml version="1.0" encoding="gbk"?><xml><Encrypt>` + encrypt + "</Encrypt></xml>",
		"<xml>" + strings.Repeat("<a>", 20000), strings.Repeat("<xml><Encrypt/></xml>", 300),
	} {
		refuse("body "+s[:min(len(s), 40)], good, q, []byte(s), vecNow)
	}
	for i := range len(body) {
		refuse("cut body", good, q, body[:i], vecNow)
	}
	for name, plain := range map[string][]byte{
		"pad of 0":         append(plaintext(message, vecAppID), make([]byte, 16-len(plaintext(message, vecAppID))%16)...),
		"pad of 33":        []byte(strings.Repeat("\x21", 48)),
		"uneven pad":       append([]byte(strings.Repeat("x", 30)), 1, 2),
		"shorter than pad": []byte(strings.Repeat("\x20", 16)),
		"nothing but pad":  []byte(strings.Repeat("\x20", 32)),
		"length too large": pad([]byte("0123456789abcdef\xff\xff\xff\xff<xml></xml>" + vecAppID)),
		"length too small": pad([]byte("0123456789abcdef\x00\x00\x00\x00<xml></xml>" + vecAppID)),
		"no message":       pad(plaintext("", vecAppID)),
		"not xml":          pad(plaintext("hello", vecAppID)),
		"entities":         pad(plaintext(`<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><InfoType>&x;</InfoType></xml>`, vecAppID)),
		"no ticket":        pad(plaintext("<xml><InfoType>component_verify_ticket</InfoType></xml>", vecAppID)),
		"odd ticket":       pad(plaintext("<xml><InfoType>component_verify_ticket</InfoType><ComponentVerifyTicket>a b</ComponentVerifyTicket></xml>", vecAppID)),
		"longer appid":     pad(plaintext(message, vecAppID+"x")),
		"no appid":         pad(plaintext(message, "")),
	} {
		q, body := raw(plain)
		refuse(name, good, q, body, vecNow)
	}
	for _, s := range []string{"not base64!", "AAAA", base64.StdEncoding.EncodeToString(make([]byte, 33))} {
		q, body := signedText(s)
		refuse("encrypted "+s, good, q, body, vecNow)
	}
}

func TestNew(t *testing.T) {
	canary := secret.New("CANARY")
	for name, c := range map[string]struct {
		token secret.Text
		keys  []secret.Text
		app   string
	}{
		"no token": {secret.Text{}, []secret.Text{vecKey}, "wx"}, "no key": {canary, nil, "wx"}, "no appid": {canary, []secret.Text{vecKey}, ""},
		"short key": {canary, []secret.Text{vecKey, canary}, "wx"}, "long key": {canary, []secret.Text{secret.New(strings.Repeat("A", 44))}, "wx"},
	} {
		if _, err := ticket.New(c.token, c.keys, c.app); err == nil || strings.Contains(err.Error(), "CANARY") || !strings.Contains(err.Error(), "MIGWATCH_WECHAT_") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The fuzzer writes the message, so that it gets past signature and encryption, and the envelope.
func FuzzOpen(f *testing.F) {
	f.Add(message, string(envelope("AppId", vecAppID, "%s")), vecNonce)
	f.Add("<xml><InfoType>authorized</InfoType></xml>", "<xml><ToUserName>x</ToUserName><Encrypt>%s</Encrypt></xml>", "1")
	f.Add("<!DOCTYPE x><xml/>", "<xml><Encrypt>%s</Encrypt></xml>", "")
	f.Add("", "%s", "&")
	r := receiver(f, vecToken, vecAppID, other, vecKey)
	f.Fuzz(func(t *testing.T, message, body, nonce string) {
		encrypt := seal(vecKey, pad(plaintext(message, vecAppID)))
		q := query(vecTimestamp, nonce, sign(vecToken, vecTimestamp, nonce, encrypt))
		p, err := r.Open(q, []byte(strings.Replace(body, "%s", encrypt, 1)), vecNow)
		if err != nil {
			if err.Error() != "the push is refused" || reason(err) == "" {
				t.Errorf("%v", err)
			}
			return
		}
		if !strings.Contains(body, "%s") {
			t.Error("a push that is not signed was opened")
		}
		if (p.InfoType == ticket.TicketPush) == p.Ticket.IsZero() || len(p.Ticket.Reveal()) > 1024 {
			t.Errorf("not a push: %v", p)
		}
	})
}

// And here what comes in is all the fuzzer's: nothing of it can be authentic.
func FuzzDecrypt(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"))
	f.Add(pad(plaintext(message, vecAppID)))
	f.Add([]byte(strings.Repeat("\x20", 64)))
	r := receiver(f, vecToken, vecAppID, vecKey)
	f.Fuzz(func(t *testing.T, plain []byte) {
		if len(plain)%16 != 0 {
			plain = plain[:len(plain)-len(plain)%16]
		}
		encrypt := seal(vecKey, plain)
		_, err := r.Open(query(vecTimestamp, "1", sign(vecToken, vecTimestamp, "1", encrypt)), envelope("AppId", vecAppID, encrypt), vecNow)
		if err == nil && !strings.Contains(string(plain), vecAppID) {
			t.Error("a push for another appid was opened")
		}
	})
}
