package job

import (
	"slices"

	"github.com/agnivade/levenshtein"
)

// regions are those that DTS is known to serve. Others have the same form, and new ones appear.
var regions = []string{"ap-guangzhou", "ap-shanghai", "ap-nanjing", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-hongkong", "ap-taipei",
	"ap-singapore", "ap-jakarta", "ap-mumbai", "ap-seoul", "ap-bangkok", "ap-tokyo", "na-siliconvalley", "na-ashburn", "na-toronto", "sa-saopaulo",
	"eu-frankfurt", "eu-moscow", "ap-shanghai-fsi", "ap-shenzhen-fsi", "ap-beijing-fsi", "ap-tianjin", "ap-shenzhen", "ap-qingyuan", "ap-hangzhou-ec"}

// NearRegion is the known region that is most like one that is not known; "" for a known one.
func NearRegion(region string) string {
	if slices.Contains(regions, region) {
		return ""
	}
	return Nearest(region, regions)
}

// Nearest is the word of known that is most like the one that somebody wrote.
func Nearest(word string, known []string) (found string) {
	word = word[:min(len(word), 64)] // as long as the platform lets names be
	best := len(word) + 64
	for _, k := range known {
		if d := levenshtein.ComputeDistance(word, k); d < best {
			found, best = k, d
		}
	}
	return found
}
