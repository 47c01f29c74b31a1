package ticket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

const (
	keySize  = 32
	padBlock = 32 // of PKCS#7 here, whatever the cipher's own block
	prefix   = 16 // random bytes before the length
)

// decrypt tries each key. The push is authentic by now, so what fails here tells nobody anything; the
// keys differ only while the platform changes its own.
func (r *Receiver) decrypt(encrypted string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, refused("the encrypted part is not whole")
	}
	err = refused("no AES key opens it: the platform has another one")
	for _, key := range r.keys {
		message, appID, ok := open(key, sealed)
		if !ok {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(appID), []byte(r.appID)) == 1 {
			return message, nil
		}
		err = refused("it is for another appid than MIGWATCH_WECHAT_APPID")
	}
	return nil, err
}

// open decrypts and takes apart: 16 random bytes, the message's length, the message, the appid.
func open(key, sealed []byte) (message []byte, appID string, ok bool) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, "", false
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, sealed)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > padBlock || pad > len(plain) {
		return nil, "", false
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, "", false
		}
	}
	plain = plain[:len(plain)-pad]
	if len(plain) < prefix+4 {
		return nil, "", false
	}
	size := binary.BigEndian.Uint32(plain[prefix:])
	rest := plain[prefix+4:]
	if uint64(size) > uint64(len(rest)) {
		return nil, "", false
	}
	return rest[:size], string(rest[size:]), true
}
