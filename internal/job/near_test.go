package job_test

import (
	"testing"

	"migwatch/internal/job"
)

func TestNearRegion(t *testing.T) {
	for region, want := range map[string]string{"ap-shanghai": "", "ap-shangai": "ap-shanghai", "ap-gangzhou": "ap-guangzhou", "eu-frankfort": "eu-frankfurt", "ap-beijing-fsi": ""} {
		if got := job.NearRegion(region); got != want {
			t.Errorf("%s is near %q, want %q", region, got, want)
		}
	}
}
