// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {
    Job,
    JobId,
    JobRef,
    JobState,
    JobTerms,
    ORDER_TYPEHASH,
    Offer,
    Order,
    Ruling,
    Seat,
    Signature,
    hashOf
} from "../types/JobTypes.sol";
import {JobWord, bareDigest, laneOf as laneKey} from "../types/JobWord.sol";
import {seatWord, sealedDigest, sealedFoldedDigest, tagIn} from "../types/SeatHash.sol";
import {BoardBase} from "./BoardBase.sol";
import {RareCalls} from "./RareCalls.sol";

/// @title JobBoard, as IJobBoard says
/// @dev Every function reads: identify, check, write, emit, call out. What is called out to cannot come back: ledgers,
/// registry and beacon call nobody (tokens move only in the ledgers' own deposits and withdrawals), schedulers and
/// verifiers are asked by static calls.
contract JobBoard is RareCalls {
    bytes32 private constant SEAL_TYPEHASH = keccak256("Seal(bytes32 job,bytes32 commitment)");

    constructor(
        address escrow,
        address vault,
        address registry,
        address reputation,
        address parameters,
        address beacon
    ) BoardBase(escrow, vault, registry, reputation, parameters, beacon) EIP712("tensorgrid", "1") {}

    // ---- the requester, or a relayer for him

    /// @inheritdoc IJobBoard
    function post(JobTerms calldata terms) external returns (JobId id) {
        id = _ownId(terms);
        (bytes32 lane, JobWord job) = _open(terms, id, 0, true);
        _jobs[lane] = job;
    }

    /// @inheritdoc IJobBoard
    function postWithOffers(JobTerms calldata terms, Offer[] calldata offers) external returns (JobId) {
        return _postWithOffers(terms, offers);
    }

    /// @inheritdoc IJobBoard
    function settleAndPost(
        JobTerms calldata earlier,
        Seat[] calldata earlierHeld,
        JobTerms calldata terms,
        Offer[] calldata offers
    ) external returns (JobId) {
        _settleIfOpen(earlier, earlierHeld);
        return _postWithOffers(terms, offers);
    }

    /// @inheritdoc IJobBoard
    function postFor(
        JobTerms calldata terms,
        Order calldata order,
        bytes calldata signature,
        Offer[] calldata offers
    ) external returns (JobId id) {
        bytes32 termsHash = hashOf(terms);
        id = _idOf(termsHash);
        require(order.relayer == address(0) || order.relayer == msg.sender, NotRelayer(id, msg.sender));
        require(block.timestamp <= order.postBy, OrderExpired(id, order.postBy));
        bool signed =
            SignatureChecker.isValidSignatureNowCalldata(terms.requester, _orderDigest(termsHash, order), signature);
        require(signed, BadSignature(id, terms.requester));

        (bytes32 lane, JobWord job) = _open(terms, id, order.relayFee, offers.length == 0);
        if (offers.length > 0) job = _match(terms, id, job, offers, order.workers);
        _jobs[lane] = job;
        emit OrderRelayed(id, msg.sender, order.relayFee);
        if (order.relayFee == 0) return id;
        IEscrow(ESCROW).pay(terms.payToken, terms.requester, msg.sender, order.relayFee, 0, 0);
    }

    /// @inheritdoc IJobBoard
    function retire(uint256 nonce) external {
        bytes32 lane = laneKey(msg.sender, nonce);
        _retire(lane, nonce);
        emit NonceRetired(msg.sender, nonce);
    }

    // ---- the worker, or anyone for him

    /// @inheritdoc IJobBoard
    function progress(JobId id, bytes32 digest) external {
        emit JobProgress(id, msg.sender, digest);
    }

    /// @inheritdoc IJobBoard
    function commit(JobRef calldata ref, uint8 number, Seat[] calldata held, bytes32 commitment) external {
        _commit(ref, number, held, commitment);
    }

    /// @inheritdoc IJobBoard
    function commitAndSettle(
        JobRef calldata ref,
        uint8 number,
        Seat[] calldata held,
        bytes32 commitment,
        JobTerms calldata earlier,
        Seat[] calldata earlierHeld
    ) external {
        _commit(ref, number, held, commitment);
        _settleIfOpen(earlier, earlierHeld);
    }

    /// @inheritdoc IJobBoard
    function commitMany(
        JobRef calldata ref,
        Seat[] calldata held,
        bytes32[] calldata commitments,
        Signature[] calldata signatures
    ) external {
        (bytes32 lane, JobId id, JobWord job) = _atWork(ref);
        require(held.length == job.taken(), WrongSeats(id, held.length + 1));
        require(commitments.length == held.length, LengthMismatch(commitments.length, held.length));
        require(signatures.length == held.length, LengthMismatch(signatures.length, held.length));
        // Where seats have slots of their own, each is compared when its turn comes.
        if (job.isFolded()) _check(lane, id, job, held);
        else require(job.digest() == bareDigest(id), UnknownJob(id));

        uint256 before = job.committed();
        job = _sealSigned(lane, id, job, held, commitments, signatures);
        if (job.committed() == before) _refuseSeals(id, held, commitments);
        _jobs[lane] = _rememberSeals(lane, id, job, before, held, commitments);
    }

    /// @inheritdoc IJobBoard
    function commitExtra(JobTerms calldata terms, uint8 number, Seat[] calldata held, bytes32 commitment) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Committed);
        uint40 workBy = IVerifier(terms.verifier).seats(terms, id).workBy;
        require(block.timestamp <= workBy, DeadlinePassed(id, workBy));
        require(number > terms.workers, NotSeated(id, msg.sender));
        _jobs[lane] = _sealOwn(lane, id, job, number, held, commitment);
    }

    // ---- anyone

    /// @inheritdoc IJobBoard
    function contest(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Committed);
        _check(lane, id, job, held);
        require(msg.sender == terms.verifier, NotVerifier(id, msg.sender));
        _jobs[lane] = job.withContest();
        emit JobContested(id);
    }

    /// @inheritdoc IJobBoard
    function settle(JobTerms calldata terms, Seat[] calldata held) external {
        _settle(terms, held, false);
    }

    /// @inheritdoc IJobBoard
    function settleAgreed(JobTerms calldata terms, Seat[] calldata held) external {
        _settle(terms, held, true);
    }

    /// @inheritdoc IJobBoard
    function settleMany(JobTerms[] calldata terms, Seat[][] calldata held) external {
        require(terms.length == held.length, LengthMismatch(held.length, terms.length));
        for (uint256 i = 0; i < terms.length; ++i) {
            _settle(terms[i], held[i], false);
        }
    }

    /// @inheritdoc IVersioned
    function adopt(uint32 version) external {
        _adopt(version);
    }

    // ---- reading

    /// @inheritdoc IJobBoard
    function escrowFor(JobTerms calldata terms) external pure returns (uint256) {
        return _escrowFor(terms);
    }

    /// @inheritdoc IJobBoard
    function judgement(JobTerms calldata terms, Seat[] calldata held) external view returns (Ruling[] memory) {
        return _judgement(terms, held);
    }

    /// @inheritdoc IJobBoard
    function look(JobTerms calldata terms, Seat[] calldata held) external view returns (JobId, JobWord) {
        (bytes32 lane, JobId id, JobWord job) = _find(terms);
        _check(lane, id, job, held);
        return (id, job);
    }

    /// @inheritdoc IJobBoard
    function idOf(JobTerms calldata terms) external view returns (JobId) {
        return _idOf(hashOf(terms));
    }

    /// @inheritdoc IJobBoard
    function jobOf(address requester, uint256 nonce) external view returns (Job memory job) {
        bytes32 lane = laneKey(requester, nonce);
        JobWord last = _jobs[lane];
        if (last.sequence() == uint16(nonce)) return last.unpack();
        if (last.sequence() > uint16(nonce)) job.state = JobState.Superseded;
        else if (uint16(nonce) <= _usedUp(lane, last)) job.state = JobState.Cancelled;
    }

    /// @inheritdoc IJobBoard
    function laneOf(address requester, uint256 lane) external view returns (JobState, uint16) {
        bytes32 key = laneKey(requester, lane << 16);
        return (_jobs[key].state(), uint16(_usedUp(key, _jobs[key])));
    }

    /// @inheritdoc IJobBoard
    function orderDigest(JobTerms calldata terms, Order calldata order) external view returns (bytes32) {
        return _orderDigest(hashOf(terms), order);
    }

    /// @inheritdoc IJobBoard
    function sealDigest(JobId id, bytes32 commitment) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SEAL_TYPEHASH, id, commitment)));
    }

    // ---- posting

    function _postWithOffers(JobTerms calldata terms, Offer[] calldata offers) private returns (JobId id) {
        id = _ownId(terms);
        (bytes32 lane, JobWord job) = _open(terms, id, 0, false);
        _jobs[lane] = _match(terms, id, job, offers, new address[](0));
    }

    /// @dev The id of terms that the caller may post himself.
    function _ownId(JobTerms calldata terms) private view returns (JobId id) {
        id = _idOf(hashOf(terms));
        require(msg.sender == terms.requester, NotRequester(id, msg.sender));
    }

    function _orderDigest(bytes32 termsHash, Order calldata order) private view returns (bytes32) {
        bytes32 workers = keccak256(abi.encodePacked(order.workers));
        return _hashTypedDataV4(
            keccak256(abi.encode(ORDER_TYPEHASH, termsHash, order.relayer, order.relayFee, order.postBy, workers))
        );
    }

    // ---- committing

    /// @dev A job whose first seats may still commit.
    function _atWork(JobRef calldata ref) private view returns (bytes32 lane, JobId id, JobWord job) {
        (lane, id, job) = _find(ref.requester, ref.nonce, ref.termsHash);
        _expect(id, job, JobState.Assigned);
        require(block.timestamp <= job.clock(), DeadlinePassed(id, job.clock()));
    }

    function _commit(JobRef calldata ref, uint8 number, Seat[] calldata held, bytes32 commitment) private {
        (bytes32 lane, JobId id, JobWord job) = _atWork(ref);
        _jobs[lane] = _sealOwn(lane, id, job, number, held, commitment);
    }

    /// @dev The caller's own seal. `held` is his seat alone, or all seats. The caller of this stores the job.
    function _sealOwn(
        bytes32 lane,
        JobId id,
        JobWord job,
        uint8 number,
        Seat[] calldata held,
        bytes32 commitment
    ) private returns (JobWord) {
        bool folded = job.isFolded();
        // Not folded, his seat alone is enough; who has passed all of them has not seen the job unfold, which is no fault.
        uint256 at = folded || held.length > 1 ? uint256(number) : 1;
        require(at > 0 && at <= held.length, WrongSeats(id, number));
        Seat calldata seat = held[at - 1];
        if (folded) {
            _check(lane, id, job, held);
        } else {
            require(job.digest() == bareDigest(id), UnknownJob(id));
            _checkSeat(lane, id, job, seat, number);
        }
        require(seat.worker == msg.sender, NotSeated(id, msg.sender));
        job = _seal(id, job, seat, number, commitment);
        if (folded && held.length == 1) {
            return job.withDigest(sealedFoldedDigest(id, seat, commitment), true);
        }
        // Alone he keeps the job folded; of several, each gets a slot, so that nobody waits for another.
        if (folded) job = _unfold(lane, id, job, held);
        _writeSealed(lane, seat, number, commitment);
        return job;
    }

    /// @dev Seals what is signed and not sealed yet. The caller remembers the seals and stores the job.
    function _sealSigned(
        bytes32 lane,
        JobId id,
        JobWord job,
        Seat[] calldata held,
        bytes32[] calldata commitments,
        Signature[] calldata signatures
    ) private returns (JobWord) {
        for (uint256 i = 0; i < held.length; ++i) {
            // INVARIANT: who has committed meanwhile, or commits twice, holds up nobody else's seal.
            if (commitments[i] == 0 || job.committed() >> i & 1 != 0) continue;
            _checkSigner(id, held[i], commitments[i], signatures[i]);
            if (!job.isFolded()) _checkSeat(lane, id, job, held[i], i + 1);
            job = _seal(id, job, held[i], i + 1, commitments[i]);
        }
        return job;
    }

    function _checkSigner(JobId id, Seat calldata seat, bytes32 commitment, Signature calldata signature) private view {
        address signer = ECDSA.recover(sealDigest(id, commitment), signature.r, signature.vs);
        require(signer == seat.worker, WrongSigner(id, signer, seat.worker));
    }

    /// @dev Nothing new was sealed: why. What was passed over had committed already.
    function _refuseSeals(JobId id, Seat[] calldata held, bytes32[] calldata commitments) private pure {
        for (uint256 i = held.length; i > 0; --i) {
            require(commitments[i - 1] == 0, AlreadyCommitted(id, held[i - 1].worker));
        }
        revert NothingCommitted(id);
    }

    /// @dev What `commitMany` has sealed beyond `before`. A folded job stays so if all its seats are sealed now; else it
    /// unfolds, so that those who have not committed yet are not held up by a digest that they do not know.
    function _rememberSeals(
        bytes32 lane,
        JobId id,
        JobWord job,
        uint256 before,
        Seat[] calldata held,
        bytes32[] calldata commitments
    ) private returns (JobWord) {
        if (job.isFolded()) {
            if (_isAllSealed(job)) return job.withDigest(sealedFoldedDigest(id, held, commitments), true);
            job = _unfold(lane, id, job, held);
        }
        uint256 sealedNow = job.committed() & ~before;
        for (uint256 i = 0; i < held.length; ++i) {
            if (sealedNow >> i & 1 != 0) _writeSealed(lane, held[i], i + 1, commitments[i]);
        }
        return job;
    }

    /// @dev The caller writes the seat and stores the job.
    function _seal(JobId id, JobWord job, Seat calldata seat, uint256 number, bytes32 commitment)
        private
        returns (JobWord)
    {
        require(commitment != 0, CommitmentZero(id));
        // INVARIANT (J3): a seat commits once; what it has committed to is never replaced.
        require(seat.commitment == 0, AlreadyCommitted(id, seat.worker));
        job = job.withSealed(number);
        // The extra seats' seals do not count: by then the job has long been Committed.
        bool last = job.state() == JobState.Assigned && _isAllSealed(job);
        emit JobSealed(id, seat.worker, commitment, last ? uint40(block.timestamp) : 0);
        return last ? _endWork(job) : job;
    }

    function _writeSealed(bytes32 lane, Seat calldata seat, uint256 number, bytes32 commitment) private {
        _seats[lane][number] = seatWord(tagIn(_seats[lane][number]), sealedDigest(seat, commitment));
    }

    function _isAllSealed(JobWord job) private pure returns (bool) {
        return job.committed() == (1 << job.taken()) - 1;
    }

    // ---- settling

    /// @dev As a passenger of another call, which is not to fail because somebody has settled the job a moment before.
    function _settleIfOpen(JobTerms calldata terms, Seat[] calldata held) private {
        JobWord job = _jobs[laneKey(terms.requester, terms.nonce)];
        bool open = job.sequence() == uint16(terms.nonce) && job.state() == JobState.Committed;
        if (open) _settle(terms, held, false);
    }

    /// @param agreed whether the caller says that he is the job's verifier, and that all have agreed
    function _settle(JobTerms calldata terms, Seat[] calldata held, bool agreed) private {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Committed);
        _checkAll(lane, id, job, held);
        Ruling[] memory rulings = agreed ? _agreement(terms, id, held) : _rulings(terms, id, job, held);
        _jobs[lane] = job.withState(JobState.Settled);
        (uint256 paid, uint256 fee, uint256 returned) = _payOut(terms, held, rulings);
        _judge(terms, id, held, rulings);
        emit JobSettled(id, msg.sender, paid, fee, returned);
    }
}
