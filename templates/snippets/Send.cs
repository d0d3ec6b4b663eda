// SPDX-License-Identifier: 0BSD
// .NET 8 or newer, nothing to install: the Program.cs of a console application, then dotnet run
using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

static class Send
{
    static readonly Uri Dsn = new Uri(Environment.GetEnvironmentVariable("TMON_DSN"));
    static readonly string Wsid = Dsn.AbsolutePath.TrimStart('/');
    static readonly HttpClient Http = new HttpClient();

    static async Task Track(object what)
    {
        byte[] header = { 1, 0 };
        byte[] nonce = RandomNumberGenerator.GetBytes(12);
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(what);
        byte[] sealedBytes = new byte[plain.Length];
        byte[] tag = new byte[16];
        byte[] associated = Encoding.ASCII.GetBytes("\u0001\0" + Wsid);
        using (var aes = new AesGcm(Convert.FromHexString(Dsn.UserInfo), tag.Length))
            aes.Encrypt(nonce, plain, sealedBytes, tag, associated);

        var envelope = new MemoryStream();
        foreach (byte[] part in new[] { header, nonce, sealedBytes, tag })
            envelope.Write(part, 0, part.Length);
        var body = new ByteArrayContent(envelope.ToArray());
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        string server = Dsn.Scheme.Replace("tmon+", "") + "://" + Dsn.Authority;
        HttpResponseMessage answer = await Http.PostAsync($"{server}/data/collect/{Wsid}", body);
        if (!answer.IsSuccessStatusCode)
            throw new Exception($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    static async Task Main()
    {
        await Track(new { url = "/cart", ip = "203.0.113.9", useragent = "curl/8.5.0", status = 200 });
    }
}
