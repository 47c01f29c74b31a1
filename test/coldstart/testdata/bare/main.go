// Command bare is the least a Go function on the platform can be: what the platform's library costs by
// itself. Ours are measured against it.
package main

import (
	"context"

	"github.com/tencentyun/scf-go-lib/cloudfunction"
)

type echo struct{}

func (echo) Invoke(_ context.Context, event []byte) ([]byte, error) { return event, nil }

func main() { cloudfunction.StartHandler(echo{}) }
