package web_test

import (
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// demoSkew is how far into the demonstration the pages' clock is.
const demoSkew = 46 * time.Minute

// newDemo is a rig with jobs of every kind and phase, as an afternoon would leave them.
func newDemo(t testing.TB, o setup) *rig {
	o.skew = demoSkew
	r := newRig(t, o)
	r.demoDTS()
	r.demoWeChat()
	r.ticked(job.Tick{Claimed: 9, Recorded: 8, Changed: 3, Failed: 1})
	return r
}

func at(minutes float64, seen job.Observation) step {
	return step{after: time.Duration(minutes * float64(time.Minute)), seen: seen}
}

func failed(minutes float64, err *job.PollError) step {
	return step{after: time.Duration(minutes * float64(time.Minute)), err: err}
}

// check is what DTS says of a job; percent < 0 is nothing.
func check(status string, phase job.Phase, percent int64) job.Observation {
	s := job.Observation{Phase: phase, Status: status, RequestID: "3c140219-cfe9-470e-b241-907877d6fb03"}
	if percent >= 0 {
		s.Progress = p(percent)
	}
	return s
}

func finished(flag, code int64, message string) job.Observation {
	s := check("finished", job.Succeeded, 100)
	s.CheckFlag, s.ErrorCode, s.Message = p(flag), p(code), message
	if flag == 0 {
		s.Phase = job.Failed
	}
	return s
}

// move is what WeChat says of a job.
func move(status string, phase job.Phase, good, bad int64, message string) job.Observation {
	return job.Observation{Phase: phase, Status: status, RecordsSucceeded: p(good), RecordsFailed: p(bad), Message: message, RequestID: "60eeb120-08eb133c-7e30ea1a"}
}

func (r *rig) demoDTS() {
	r.watched(dts("ap-beijing", "dts-9c0ffee1"), "staging copy, deleted",
		at(1, job.Observation{Phase: job.Missing, Status: "ResourceNotFound.JobNotExist", Message: "The job does not exist."}))
	r.watched(dts("ap-shanghai", "dts-dau5czmd"), "customers to TencentDB",
		at(0.5, check("starting", job.Pending, -1)), at(3, check("running", job.Running, 15)), at(8, check("running", job.Running, 45)),
		at(14, check("running", job.Running, 80)), at(19, finished(1, 0, "ok")))
	r.watched(dts("ap-guangzhou", "dts-p8v1nd6c"), "sessions, paused by its owner",
		at(2, check("running", job.Running, 30)), at(24, check("pausing", job.Unknown, 35)), at(26, check("paused", job.Unknown, 35)))
	r.watched(dts("ap-guangzhou", "dts-w5j0yz7f"), "库存 stock levels",
		at(1, check("starting", job.Pending, -1)), at(6, check("running", job.Running, 25)), at(22, check("running", job.Running, 50)),
		at(29, finished(0, -1, "源实例连接失败，请检查网络与账号权限。")))
	r.watched(dts("ap-shanghai", "dts-1kl0iy0v"), "orders to TencentDB",
		at(1, check("starting", job.Pending, -1)), at(7, check("running", job.Running, 10)), at(15, check("running", job.Running, 40)),
		at(28, check("running", job.Running, 70)),
		at(38, finished(0, -1, "The database table you selected does not exist. Please re-select. [The input parameter table cannot be found in the source instance]")))
	r.watched(dts("ap-beijing", "dts-7h2kqp4w"), "invoices archive",
		at(20, check("starting", job.Pending, -1)), at(33, check("running", job.Running, 20)),
		failed(44.5, &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", Message: "Your current request times equals to 21 in a second, which exceeds the frequency limit 20 for a second.", RequestID: "8b2f7a1e-2c55-4a0c-9f17-5f1d1c6f0f11", RetryAfter: time.Minute}),
		failed(45.6, &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", Message: "Your current request times equals to 21 in a second, which exceeds the frequency limit 20 for a second.", RequestID: "8b2f7a1e-2c55-4a0c-9f17-5f1d1c6f0f11", RetryAfter: time.Minute}))
	steps := []step{at(1, check("unavailable", job.Pending, -1)), at(4, check("starting", job.Pending, -1))}
	for i, percent := range []int64{1, 3, 6, 11, 18, 21, 26, 35, 44, 49, 55, 61, 67} {
		steps = append(steps, at(6+3*float64(i), check("running", job.Running, percent)))
	}
	r.watched(dts("ap-guangzhou", "dts-m3x9rt2b"), "clickstream, 2 TB", append(steps, at(45.5, check("running", job.Running, 70)))...)
	r.watched(dts("ap-shanghai", "dts-q4s6ea1h"), "price lists", at(40.2, check("unavailable", job.Pending, -1)), at(45.2, check("unavailable", job.Pending, -1)))
}

func (r *rig) demoWeChat() {
	export := move("success", job.Succeeded, 3, 0, "导出完成.")
	export.File = &job.File{URL: secret.New("https://cos.example.com/export.json?q-sign-time=1;2&q-signature=canary-5813"), ExpiresAt: r.start.Add(80 * time.Minute)}
	r.watched(wechat("test2-4a89da", "100071736"), "guest book export",
		at(12, move("waiting", job.Pending, 0, 0, "")), at(25, move("reading", job.Running, 0, 0, "")), at(30, move("migrating", job.Running, 2, 0, "")), at(34, export))
	r.watched(wechat("shop-prod-8e1f2c", "100072233"), "2019 年订单",
		at(2, move("waiting", job.Pending, 0, 0, "")), at(9, move("reading", job.Running, 0, 0, "")), at(16, move("fail", job.Failed, 0, 0, "没有符合条件的记录")))
	r.watched(wechat("test2-4a89da", "100071801"), "会员导入 members import",
		at(2, move("waiting", job.Pending, 0, 0, "")), at(5, move("reading", job.Running, 0, 0, "")), at(10, move("writing", job.Running, 400, 0, "")),
		at(18, move("writing", job.Running, 1250, 31, "")), at(27, move("writing", job.Running, 2310, 88, "")), at(36, move("success", job.Partial, 2875, 125, "导入完成, 部分记录失败.")))
	var steps []step
	for i, n := range []int64{0, 1200, 5400, 11800, 19050, 23100, 27400, 36900, 45200, 52000} {
		steps = append(steps, at(4+4.5*float64(i), move("migrating", job.Running, n, n/12000, "")))
	}
	r.watched(wechat("shop-prod-8e1f2c", "100072210"), "product catalogue", steps...)
	r.watched(wechat("shop-prod-8e1f2c", "100072240"), "",
		at(41, move("reading", job.Running, 0, 0, "")), at(42, move("reading", job.Running, 0, 0, "")), at(45.7, move("migrating", job.Running, 900, 0, "")))
	paused := true
	r.watched(wechat("club-7d20aa", "100080011"), "club photos, on hold", at(8, move("waiting", job.Pending, 0, 0, "")))
	if _, _, err := r.store.Watch(r.t.Context(), wechat("club-7d20aa", "100080011"), job.Change{Paused: &paused}); err != nil {
		r.t.Fatal(err)
	}
}
