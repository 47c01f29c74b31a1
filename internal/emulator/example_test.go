package emulator_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"migwatch/internal/emulator"
)

func Example() {
	script, err := emulator.Parse(`
wechat test2-4a89da 100071736 export
  0s success 3/0 "导出完成."
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	upstream := emulator.New(emulator.Options{
		Now:    time.Now,
		Script: script,
		WeChat: emulator.WeChatOptions{Tokens: []string{"a-token"}},
	})
	server := httptest.NewServer(upstream)
	defer server.Close()
	defer upstream.Close() // first: what hangs would keep the server

	res, err := http.Post(server.URL+"/componenttcb/dbmigrationstate?access_token=a-token", "application/json",
		strings.NewReader(`{"env":"test2-4a89da","job_id":100071736}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(string(body))
	fmt.Println(upstream.Arrivals()[0].Verdict, upstream.Peak(emulator.WeChat, ""), upstream.Refused(emulator.WeChat))
	// Output:
	// {"errcode":0,"errmsg":"ok","status":"success","record_success":3,"record_fail":0,"error_msg":"导出完成.","file_url":""}
	// ok 1 0
}
