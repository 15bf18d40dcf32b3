// SPDX-License-Identifier: Apache-2.0

// Asks docs/verify/verify.go, which is compiled together with it as package main; see check.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "|")
		now, _ := strconv.ParseInt(f[2], 10, 64)
		body, _ := base64.StdEncoding.DecodeString(f[6])
		header := http.Header{}
		for i, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			if f[3+i] != "-" {
				header.Set(name, f[3+i])
			}
		}
		var genuine bool
		var err error
		if f[0] == "basekit" {
			genuine = HasGenuineHmac(f[1], f[5], body)
		} else {
			genuine, err = IsGenuine(f[1], header, body, time.Unix(now, 0))
		}
		switch {
		case err != nil:
			fmt.Println("error")
		case genuine:
			fmt.Println("yes")
		default:
			fmt.Println("no")
		}
	}
}
