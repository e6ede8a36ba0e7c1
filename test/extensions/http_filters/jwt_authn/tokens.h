#pragma once

// Tokens and keys of the JWT filter's tests, made once with other software; they expire in 2100, or
// never were valid. The keys are for nothing else.

#include <string>

namespace remora::extensions::jwt_test {

inline const std::string kGood =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.MtxmMqesU05TOjn6AG0bCFS2wsOnvt6V9rKMSgVmy3UpAI"
    "A1uE51GbF3GdY5ihbQo4OC2k5KcnH3XcBW6J-mQQ";
inline const std::string kRsa =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.LvbKtEtOMbXFJ4IegtrWG8ryIFV-nXWm"
    "_1tjv54GcdVafCIvVqZ0WUFHjqEdQuEsShqJ6IncnrBeVUM1PhrVNyq1orY3bdXWK64OBGQB6aQI9RpTSTjVI_v4"
    "yMlHuTefgQZ_QxVCzrP7gDHFaPnOB4R0HG5uJnwqnhl--MEFaUU7yICc--dQN1AUUGCfl5YDxHPxhZ-WpwrvD1QQ"
    "80hHHA4fb6c3i47jz-9heUPVgoyiB9SMBYbfWmbqtcVlZkVkC4O4JsOG2j1Wbn8ohrU3WdpYDKJDbeHDMLRVWOqr"
    "4877mZ_bDJ9iHtBs0q7ZFeCOGwqGfd9zTNwaY2zLuMb8qQ";
inline const std::string kPss =
    "eyJhbGciOiJQUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.ssCWW9DxR6WJH08GLhs6FkAiXH2z76ea"
    "rkFaIJU9g5Iady0mvUI0mw4fr4HkBezqKod-1shxyMezVFLRVg9RVvUxeS_pzOIUqmO9HDyYD3sdcHnSAva3Aywb"
    "q1DoZIMxzOcwPw0qauCpzcezwa1gGKTUQmbCBKJYR0R1f-O47REbLVKVXRj9vCW3DHukxYSs-_QScH9Fmv_q8KFM"
    "9a3Rm2OzOhBvXPATqE-37r58xcDH4C4pM_HSI-RPenWBmO5ZH68l5r3HwQLdOruy52KiBWDvIZoBfA4mfOkhoefZ"
    "z51FxX61QURtdC_IhOxx5tinixjcEVtyn-DaFuds-BF__A";
inline const std::string kEc384 =
    "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImUzIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0"
    "Iiwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.jy548ucII15DjRuHFufOqjQAwcX4zQT"
    "PxGoY5w5Ci4fSlRHzE28KpJvJDX7TQMTBd4sCSIJt4fa4vR8BG1QGArq0HlPEFN4XK-X1MgBm_lAeqTXuPFabjY9"
    "L5foYWYwQ";
inline const std::string kEc521 =
    "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImU1In0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0"
    "Iiwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.ALFjo8nOvVPlxqkM3ARrHJKVgu7dylF"
    "RLg7-R5kraUqlVug8T4Klk3p5cNdyqHnIpH_Z8wBJRq4iU2fcVSnekLsfAcx59h6nfXXkZ1kMFjcZdeN5fbNx-HR"
    "_8UWROfg_WOFXzCuhDppE4wj3-jpUMOaeHUohnZxZYMAy-U67iZk1VNci";
inline const std::string kEd25519 =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im8ifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.eodaDyDoc9T5oJOewtZPubqqFsHNzw4f"
    "jikt2xk8p0SWnYa2hHjaDuCZMebgY_cf6b0HhIQoEJEYdkQTon2PCg";
inline const std::string kHmac =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImgifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.C0VmoESgMMockkwLwbGqAlFlEBjy0FeU"
    "RjyO5I8xoqE";
inline const std::string kNoAlgorithm =
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWUiLCJhdWQiOiJhcHAi"
    "LCJleHAiOjQxMDI0NDQ4MDB9.eA";
inline const std::string kHmacAsRsa =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.Ow1B3M-PtjrIkeoSGUkAk6TCLGW-fiu6"
    "tHVdPLsDroM";
inline const std::string kWrongKey =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0I"
    "iwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.jBv0wxeBd66ogRpZGc3X8w_Puvzeem60"
    "E1zmWPOpSShd86RmBStcuYDuf6W7tVoMHZ2uPAOwRSpqtjWXyhb02JV7vsbAqmsnKaYI_n19YvfjfyoG4K_mA1tH"
    "UcnOGDnN7-UKrGNk3qmcZckf9Kd8LCYfjYpr2vfwi1C7ZNOc9cqEGdmQAWU2cE8wOCwwkef9YdESQ05vwLFVMSLg"
    "J3YYz38pSo7ZUbZHMf0iK-PTPwd1Gkwj-bBSEo1pn2r0YY906JLjS8hThjjMLnTH6g8lF8ofD0iFpqStXHO5VAj8"
    "LqXYZ0cV36lWZh0iJCKT22079AxjTXhQErKZUyxXViJCuw";
inline const std::string kOtherKid =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vbmUifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci50Z"
    "XN0Iiwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.9oOjUHXSv1pzumqWPlK9Kk-amoQT"
    "PlYQQKLww4qRLtmL-JDEjPxuaqauCj20A_chE7Lx1J6JRMmeFvKRHe_wiw";
inline const std::string kExpired =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJhcHAiLCJleHAiOjF9.qwgagGEA3xsxM2bFChQsVBfxo277dH1uVjKECj0yV5YBE0-44MEqFcuu7u"
    "Ka9E6GQdKglVjHE6VNv3E62a1ZNA";
inline const std::string kNotYet =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDAsIm5iZiI6NDEwMjQ0NDgwMH0.TVCJR-dsfo_po0XnPvkCSd9"
    "eB-lGRRZ1ZvgL-4uOTSO7QaQnJ8rugOecfZpjmHnjK4VPTMba53E0XY4DXCvRmw";
inline const std::string kOtherIssuer =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4Iiwic3ViIjoibWUiLCJhdWQiOiJhcHAiLCJleHA"
    "iOjQxMDI0NDQ4MDB9.F6TA9tuLlFn3iTPmDOHA0SY8Dwi-8H0iaawbMOdMK2n2rYZaGlA2El35RQZepxlLbukOtb"
    "yK54I8rWm5TOTxUQ";
inline const std::string kOtherAudience =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJvdGhlciIsImV4cCI6NDEwMjQ0NDgwMH0.4U997OmjEPalhwx3M1AUpbXzIMw9hdETom07EN64Fpr"
    "5d8ZDXg7vrjwJX85KFUF0Oq83eh3pRiCAGs2Lzoygag";
inline const std::string kSecond =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL3NlY29uZC50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDB9.9dBcdc-xl2bWlAhYBt-4WWUr6bWpSmfgR8aA0tMGIKx2Xa"
    "R6CnMGAlvW9CZC_s8zmePl0car1LuaoJZAVv2uIQ";
inline const std::string kClaims =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0Iiwic3ViIjoibWU"
    "iLCJhdWQiOiJhcHAiLCJleHAiOjQxMDI0NDQ4MDAsIm4iOjUsImYiOjEuNSwibmVnIjotMywidCI6dHJ1ZSwibm8"
    "iOmZhbHNlLCJiaWciOjFlKzMwLCJsaXN0IjpbImEiXSwib2JqIjp7ImsiOnsiZCI6ImRlZXAifX0sInNjb3BlIjo"
    "iYSBiICBjIiwiZW1wdHkiOiIiLCJ3cyI6IiAgeCAgIiwibmwiOiJhXG5iIiwidW5pIjoiXHUwMGU5IiwiYS5iIjo"
    "iZG90dGVkIn0.xyLOzxSQRmsiHm4mOgT1uepj5fY2dmj6QcVY6Pwf50AwVq26BV95flOqb6xz1h4iuRm74N-QWQC"
    "mlRdsd_O9Uw";
inline const std::string kTwice =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4IiwiaXNzIjoiaHR0cHM6Ly9pc3N1ZXIudGVzdCJ"
    "9.oCC1dqQ8xdGL3NaWzWwqi7T5sjr_zdalC5HyQCAhfUETFTb3OtZY-Hpvep427h83eO3vOgekTBsusnn3fu99kg";
inline const std::string kBare =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.k56rAbqy6TA"
    "uOg-uROowur8nIcmYtdiggzOysSciys8M1GZr9XuJLl851bDQPW-HxkkHFDEGecfdA3rUST-czQ";
inline const std::string kEcKey =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"aIYswkb_Q3vHfjxsTfDdGN42zrM-i6YxhD1qnlAtgZ4\",\"y\":"
    "\"H_fPsSr"
    "M4WbsB5v7TNiDjJVBJZQl59d6xpelsmqXuw4\",\"kid\":\"e\",\"alg\":\"ES256\"}";
inline const std::string kRsaKey =
    "{\"kty\":\"RSA\",\"n\":\"wec_Kd1-0t_"
    "saPiyQg6lMLxTVt0n3CKBcYLUBxy4jW9Kd6ldYH2QZVDN1AU9Xbvs2THFZ2"
    "g4kNBtYfYWFPZGSnjW3aprSabrV3iEIqzjTgGP7p79JHM34ngQpI-g0yhxdPQ5z3D48COlsZXAvio7gk-LrYxfTR"
    "IwB0R6dfjuVQnUudSkeC11M9riuG0iv65ny-4WHE4N4Gdz7ofBM2aobtKX6NfMo5CllN0YPKdBW86jU4Chw-vKJn"
    "y4ALeQucoCSnfTsRm9yFmiFLevXNdM5K0NZ36sBfSEEF6arRtYKmLD_VmjT7QpeGX-uAc7qZxmj1ybO3w6BFw-7d"
    "rkb9rdFw\",\"e\":\"AQAB\",\"kid\":\"r\"}";
inline const std::string kEc384Key =
    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":"
    "\"lBD4GHPK8TqBMpBrZdAqw4sY0BQYc9PvvUhADRwoV9v4ozv8vAeMbrzeT"
    "w5ETz3x\",\"y\":\"1ffmhF7uh0KpGDV3tnC-QrUDdLaa6jY4EI2PzS4Z2J-rluniPm2DAWNAwKRVLUGm\",\"kid\":"
    "\"e"
    "3\"}";
inline const std::string kEc521Key =
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AQ0bXlTwPplEMxT1BqOAanKLw4kaA6O-"
    "NdzsAgOnbkGGy8hab7GpZxiTs"
    "XVK7Dmochx0iUYVpkMBeMdFBtrV8l7f\",\"y\":\"AaCAwnxROS1w-SuJUJ31i5UgUll-CcWA6NdHFzypT0FLoohzx0"
    "5UPRhKWGnnBxCu4HaFrTZNRn9WoRzD4KrQYh0i\",\"kid\":\"e5\"}";
inline const std::string kEd25519Key =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"rBQyjZQ9eWYfIwfhjTxk4hQX8xJtVqBklMM4L2EVR40\","
    "\"kid\":\"o\""
    "}";
inline const std::string kHmacKey =
    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\",\"kid\":\"h\"}";

inline std::string Keys(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

}  // namespace remora::extensions::jwt_test
