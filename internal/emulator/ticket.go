package emulator

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Callback is what WeChat and a component share about pushes.
type Callback struct {
	Token  string // for the signature
	AESKey string // EncodingAESKey, 43 characters
	AppID  string
}

// Push is one message on its way to the component. What is zero is left to its usual value.
type Push struct {
	Message    string // XML
	Timestamp  string
	Nonce      string
	Random     string // 16 bytes before the message
	ToUserName bool   // in place of AppId around the secret part
	AppID      string // behind the message; "": the callback's
}

// tickets are the verify tickets that were made, and when.
type tickets struct {
	known map[string]time.Time
	order []string
}

// mostTickets is how many are remembered: a day and more of pushes every ten minutes.
const mostTickets = 200

// Sign is the msg_signature of an encrypted message.
func (c Callback) Sign(timestamp, nonce, encrypted string) string {
	parts := []string{c.Token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// Seal makes the query and the body of a push.
func (c Callback) Seal(p Push) (query string, body []byte, err error) {
	encrypted, err := c.encrypt(p)
	if err != nil {
		return "", nil, err
	}
	old := sha1.Sum([]byte(strings.Join(sorted(c.Token, p.Timestamp, p.Nonce), "")))
	q := url.Values{
		"signature": {hex.EncodeToString(old[:])}, "timestamp": {p.Timestamp}, "nonce": {p.Nonce},
		"encrypt_type": {"aes"}, "msg_signature": {c.Sign(p.Timestamp, p.Nonce, encrypted)},
	}
	name := "AppId"
	if p.ToUserName {
		name = "ToUserName"
	}
	xml := fmt.Sprintf("<xml>\n    <%s><![CDATA[%s]]></%s>\n    <Encrypt><![CDATA[%s]]></Encrypt>\n</xml>\n", name, c.AppID, name, encrypted)
	return q.Encode(), []byte(xml), nil
}

func sorted(parts ...string) []string {
	slices.Sort(parts)
	return parts
}

func (c Callback) cipher() (cipher.Block, []byte, error) {
	key, err := base64.StdEncoding.DecodeString(c.AESKey + "=")
	if err != nil || len(key) != 32 {
		return nil, nil, errors.New("the EncodingAESKey is not 43 characters of base64")
	}
	block, err := aes.NewCipher(key)
	return block, key[:aes.BlockSize], err
}

func (c Callback) encrypt(p Push) (string, error) {
	block, iv, err := c.cipher()
	if err != nil {
		return "", err
	}
	if len(p.Random) != 16 {
		return "", errors.New("a push begins with 16 random bytes")
	}
	plain := binary.BigEndian.AppendUint32([]byte(p.Random), uint32(len(p.Message)))
	plain = append(plain, p.Message+or(p.AppID, c.AppID)...)
	pad := 32 - len(plain)%32
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain), nil
}

// open is the way back, for checking this file against the platform's own example.
func (c Callback) open(encrypted string) (Push, error) {
	block, iv, err := c.cipher()
	if err != nil {
		return Push{}, err
	}
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(data) == 0 || len(data)%32 != 0 {
		return Push{}, errors.New("the message is not base64 of whole blocks")
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	if pad < 1 || pad > 32 || len(data)-pad < 20 {
		return Push{}, errors.New("wrong padding")
	}
	data = data[:len(data)-pad]
	n := int(binary.BigEndian.Uint32(data[16:20]))
	if n < 0 || n > len(data)-20 {
		return Push{}, errors.New("wrong length")
	}
	return Push{Random: string(data[:16]), Message: string(data[20 : 20+n]), AppID: string(data[20+n:])}, nil
}

// NewTicket makes a verify ticket that buys tokens from now on, as WeChat does every ten minutes.
func (e *Emulator) NewTicket() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &e.tickets
	ticket := e.secret("ticket@@@" + e.unique("ticket") + e.unique("ticket")[:22])
	t.known[ticket] = e.options.Now()
	t.order = append(t.order, ticket)
	if len(t.order) > mostTickets {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	return ticket
}

// SetCallback changes the secrets that pushes are made with, as an administrator of the platform does.
func (e *Emulator) SetCallback(c Callback) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.AppID = or(c.AppID, e.options.WeChat.AppID)
	e.options.WeChat.Callback = c
	e.secret(c.Token)
	e.secret(c.AESKey)
}

// TicketPush makes a new ticket and the query and body of its push.
func (e *Emulator) TicketPush() (query string, body []byte, err error) {
	ticket := e.NewTicket()
	return e.Push("component_verify_ticket", "<ComponentVerifyTicket><![CDATA["+ticket+"]]></ComponentVerifyTicket>")
}

// Push makes the query and body of a push of another InfoType, more being XML for its message.
func (e *Emulator) Push(infoType, more string) (query string, body []byte, err error) {
	e.mu.Lock()
	c := e.options.WeChat.Callback
	random := e.unique("push")
	e.mu.Unlock()
	seconds := strconv.FormatInt(e.options.Now().Unix(), 10)
	message := "<xml><AppId><![CDATA[" + c.AppID + "]]></AppId>\n<CreateTime>" + seconds + "</CreateTime>\n" +
		"<InfoType><![CDATA[" + infoType + "]]></InfoType>\n" + more + "\n</xml>"
	return c.Seal(Push{Message: message, Timestamp: seconds, Nonce: nonce(random), Random: random[:16]})
}

// nonce is ten digits made from hex.
func nonce(hexDigits string) string {
	n, _ := strconv.ParseUint(hexDigits[16:24], 16, 64)
	return strconv.FormatUint(1_000_000_000+n%1_000_000_000, 10)
}
